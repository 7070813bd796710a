"""Equations in running text, worked out exactly.

A line is cut into tokens (numbers, operators, brackets, units, everything else), and each stretch
that has an equals sign between two expressions is evaluated with fractions: no float ever decides.
What people write is looser than what they mean, so the comparison forgives rounding and cut
decimals (of the result and of the numbers that went in), percent signs, conversions between units,
and the running style `3 + 4 = 7 + 2 = 9`. What is not understood is passed over: a false alarm
costs more than a miss.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from tutelage.curate.accuracy.expression import (
    NotUnderstoodError,
    Token,
    decimals,
    evaluate,
    number,
    tokens,
)

CHANGED_BY = re.compile(
    r"(?i)(?:\b(?:root|half|third|quarter|percent|cube|square|log|ln|sin|cos|tan|sqrt|mod|average"
    r"|mean|factorial|product|ratio|difference)(?: of)?\s*|[√^)\]}|%!°_&\\+*/×÷<≈~-]\s*"
    r"|[\w.,:])$"
)
"""What stands before an expression and makes it part of a larger one."""
CONTINUED = re.compile(
    r"(?i)\s*(?:[-+*/×÷−^!√(\[{²³:]|\.\d|,\d|e[+-]?\d|r(?:em(?:ainder)?)?\b|mod\b|million|billion"
    r"|thousand|trillion|(?:[kmbxyznabc]|bn)\b|dozen|\d)"
)
"""What stands behind a number and makes it another one."""
DENIED = re.compile(r"(?i)\b(?:wrong|incorrect\w*|false|not|never|mistak\w+|instead of|joke)\b")
PLAIN = re.compile(r"(\d+)([-+*/])(\d+)=(\d+)")
CONVERSIONS = (
    *(2, 3, 4, 5, 7, 8, 10, 12, 14, 16, 20, 24, 25, 30, 36, 50, 52, 60, 90, 100, 120, 144, 365),
    *(1000, 1024, 1440, 1760, 2000, 3600, 5280, 10000, 1000000),
)
"""Ratios between units of the same thing."""
MEASURES = frozenset(
    re.findall(
        r"\w+",
        "second sec minute min hour hr day week month year decade cent dollar penny pennie nickel"
        " dime quarter euro inch inche foot feet yard mile mm cm km meter metre kilometer kilometre"
        " gram kg kilogram mg ton lb pound ounce oz ml liter litre gallon quart cup pint dozen mph",
    )
)
"""Units (in the singular) of which others are multiples."""
LOOK_BACK = 60
BULLETS = ("", "-", "–", "*", "·", "•")
MOST_UNIT_WORDS = 3
MOST_TOKENS = 80


class Wrong(NamedTuple):
    """An equation that does not hold: where it stands, and what its left side comes to."""

    start: int
    end: int
    value: Fraction


def wrong_equations(text: str, is_note: bool = False) -> Iterator[Wrong]:
    """Equations in a text whose sides differ by more than rounding.

    Args:
        text: a response.
        is_note: it is a calculator's note, in which `6=16` is an equation too.
    """
    begin = 0
    for line in text.split("\n"):
        if "=" in line or "equal" in line:
            yield from _wrong_in_line(line, begin, is_note)
        begin += len(line) + 1


def plainly_holds(equation: str) -> bool:
    """Whether an equation is one of two whole numbers, as `48/2=24`, and true: the common case in
    calculators' notes, told without taking it apart."""
    match = PLAIN.fullmatch(equation)
    if match is None:
        return False
    a, b, result = int(match[1]), int(match[3]), int(match[4])
    if match[2] == "/":
        return b != 0 and a == result * b
    return result == (a + b if match[2] == "+" else a - b if match[2] == "-" else a * b)


def shown(value: Fraction) -> str:
    """A value as people write it: whole, or to at most four decimals."""
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.4f}".rstrip("0").rstrip(".")


def _wrong_in_line(line: str, begin: int, is_note: bool) -> Iterator[Wrong]:
    for stretch in _stretches(line):
        sides = _sides(stretch)
        for left, right in pairwise(sides):
            if not is_note and not _calculates(left):
                continue
            numbers = [token for token in right if token.kind not in ("word", "per")]
            if not numbers:
                continue
            # Slices, not the rest of the line: a line may be megabytes long.
            before = line[max(0, left[0].start - LOOK_BACK) : left[0].start]
            after = line[numbers[-1].end : numbers[-1].end + LOOK_BACK]
            if left is sides[0] and _is_part(left, before):
                continue
            if right is sides[-1] and CONTINUED.match(after):
                continue
            if not is_note and DENIED.search(before[-40:]):
                continue
            value = _compare(left, right, is_note)
            if value is not None:
                yield Wrong(begin + left[0].start, begin + numbers[-1].end, value)


def _calculates(side: Sequence[Token]) -> bool:
    """Whether a side is more than a number."""
    return any(token.kind in ("operator", "power") or token.text.endswith(" of") for token in side)


def _is_part(left: Sequence[Token], before: str) -> bool:
    """Whether an expression is the end of something that was not understood."""
    if before.strip() in BULLETS:
        return False
    if left[0].kind == "operator" and re.search(r"[\w)\]]\s*$", before):
        return True
    return CHANGED_BY.search(before[-24:]) is not None


def _stretches(line: str) -> Iterator[list[Token]]:
    """Runs of tokens that may be equations; words only where they can be units."""
    run: list[Token] = []
    for token in tokens(line):
        if token.kind in ("per", "word"):
            if _is_unit(token, run):
                run.append(token)
                continue
            token = token._replace(kind="other")
        if token.kind == "other":
            yield run
            run = []
            continue
        after_words = run and run[-1].kind == "word"
        if run and (
            (token.kind == "number" and run[-1].kind in ("word", "per", "number"))
            or (token.kind == "open" and after_words)
        ):
            yield run
            run = []
        run.append(token)
    yield run


def _is_unit(token: Token, run: Sequence[Token]) -> bool:
    """Whether a word may be the unit of the number before it, and not a variable or a sentence."""
    words = 0
    while words < len(run) and run[-1 - words].kind == "word":
        words += 1
    after = run[-1 - words].kind if words < len(run) else None
    is_long = len(token.text) > 1
    return after in ("number", "close", "percent", "per") and words < MOST_UNIT_WORDS and is_long


def _sides(stretch: Sequence[Token]) -> list[list[Token]]:
    """The expressions between equals signs; an empty list where there is no equation."""
    if len(stretch) > MOST_TOKENS or not any(token.kind == "equals" for token in stretch):
        return []
    sides: list[list[Token]] = [[]]
    for token in stretch:
        if token.kind == "equals":
            sides.append([])
        else:
            sides[-1].append(token)
    first = sides[0][0] if sides[0] else None
    if first and (first.text == "+" or (first.start == 0 and first.text in BULLETS)):
        sides[0] = sides[0][1:]  # a sign, or a bullet of a list
    while sides and not sides[0]:
        sides = sides[1:]
    while sides and not sides[-1]:
        sides = sides[:-1]
    return sides if all(sides) else []


def _compare(left: Sequence[Token], right: Sequence[Token], is_note: bool) -> Fraction | None:
    """What the left side comes to, where the right one says otherwise."""
    try:
        one, other = evaluate(left), evaluate(right)
    except NotUnderstoodError:
        return None
    if one.value == other.value:
        return None
    numbers = [token.text for token in right if token.kind == "number"]
    if not is_note and (_is_range(left) or _is_share(left, other.value)):
        return None
    places = decimals(numbers[-1])
    # A result may be rounded or cut at its last digit; of whole numbers nothing is rounded.
    exact = one.value.denominator == 1 and not one.slack
    allowed = one.slack + (other.slack if len(numbers) > 1 else 0)
    allowed += Fraction(0) if exact and not places else Fraction(1, 10**places)
    if len(numbers) > 1 and _runs_on(one.value, right, allowed):
        return None
    candidates = [one.value]
    if any(token.kind == "percent" for token in (*left, *right)):
        candidates += [one.value * 100, one.value / 100]
    for candidate in candidates:
        scale = max(Fraction(1), abs(candidate / one.value)) if one.value else Fraction(1)
        if abs(candidate - other.value) <= allowed * scale:
            return None
    return None if _units_explain(left, right, one.value, other.value) else one.value


def _runs_on(value: Fraction, right: Sequence[Token], allowed: Fraction) -> bool:
    """Whether the right side begins with the result and goes on with it: `3 + 4 = 7 + 2`."""
    first = next(token for token in right if token.kind == "number")
    return abs(number(first.text).value - value) <= allowed


def _is_share(left: Sequence[Token], result: Fraction) -> bool:
    """Whether `1/2 = 12` means that half of something is 12."""
    plain = [token.text for token in left if token.kind not in ("word", "per")]
    return len(plain) == 3 and plain[1] == "/" and evaluate(left).value < 1 <= result


def _is_range(left: Sequence[Token]) -> bool:
    """Whether `80-89` is meant as from 80 to 89."""
    if len(left) != 3 or left[1].text not in "-–" or left[0].end != left[1].start:
        return False
    return evaluate(left).value < 0


def _units_explain(
    left: Sequence[Token], right: Sequence[Token], one: Fraction, other: Fraction
) -> bool:
    """Whether sides in different units may be equal, such as minutes and hours."""
    units, named = _units(left), _units(right)
    if len(units & MEASURES) > 1 and any(token.text in "+-−–" for token in left):
        return True
    if not one or not other or named <= units:
        return False
    if not (units or named <= {"cent"}) or not (units | named) & MEASURES:
        return False
    ratio = max(abs(one / other), abs(other / one))
    return any(abs(ratio - factor) <= Fraction(1, 50) * factor for factor in CONVERSIONS)


def _units(side: Sequence[Token]) -> set[str]:
    """The first word behind each number, in the singular."""
    words = [
        token.text.lower()
        for before, token in pairwise(side)
        if token.kind == "word" and before.kind != "word"
    ]
    return {word[:-1] if word.endswith("s") else word for word in words}
