"""Arithmetic expressions as people type them, evaluated with fractions.

No float decides anything: 0.1 + 0.2 is 0.3. Numbers that were rounded when they were written carry
how far off they may be, to first order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

TOKEN = re.compile(
    r"(?P<number>[$€£]?(?:(?<![\d.])\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?|[$€£]?\.\d+)"
    r"|(?P<equals>(?<![=!<>:+*/~≈-])=(?![=>])|\bequals\b|\b(?:is|are) equal to\b)"
    r"|(?P<per>\s?/\s?[A-Za-z]+|\bper\s[A-Za-z]+)"
    r"|(?P<operator>\*\*|[-+*/×÷−–·^]"
    r"|\b(?:plus|minus|times|multiplied by|divided by)(?=\s*[\d($€£.])"
    r"|(?:(?<=[\d) ])|\b)x(?=\s*[\d($€£.]))"
    r"|(?P<power>[²³])"
    r"|(?P<percent>(?:\s?%|\spercent\b)(?: of(?=\s*[\d($€£.]))?)"
    r"|(?P<open>\()|(?P<close>\))"
    r"|(?P<word>[A-Za-z]+(?:['’-][A-Za-z]+)*[²³]?)"
    r"|(?P<space>[ \t$€£]+)"
    r"|(?P<other>.)"
)
MEANING = {
    **dict.fromkeys("-−–", "-"),
    **dict.fromkeys("*×x·", "*"),
    **dict.fromkeys("/÷", "/"),
    **{"plus": "+", "minus": "-", "times": "*", "multiplied by": "*", "divided by": "/"},
    **{"^": "**", "²": "2", "³": "3"},
}
LARGEST_POWER = 64
NOUGHT = Fraction(0)


class Token(NamedTuple):
    """A piece of a line: its kind (a group of `TOKEN`), its text and where it stands."""

    kind: str
    text: str
    start: int
    end: int


def tokens(line: str) -> Iterator[Token]:
    """The pieces of a line, spaces left out."""
    for match in TOKEN.finditer(line):
        if match.lastgroup != "space":
            yield Token(match.lastgroup or "other", match[0], match.start(), match.end())


class NotUnderstoodError(Exception):
    """An expression that is not plain arithmetic."""


@dataclass(frozen=True, slots=True)
class Number:
    """A value and how far off it may be because numbers in it were rounded."""

    value: Fraction
    slack: Fraction = NOUGHT

    def then(self, operator: str, other: Number) -> Number:
        """Apply an operator; slack is carried to first order."""
        a, b, da, db = self.value, other.value, self.slack, other.slack
        if operator in "+-":
            return Number(a + b if operator == "+" else a - b, da + db if da or db else NOUGHT)
        if operator == "*":
            if not da and not db:
                return Number(a * b)
            return Number(a * b, abs(a) * db + abs(b) * da + da * db)
        if operator == "/":
            if b == 0:
                raise NotUnderstoodError
            if not da and not db:
                return Number(a / b)
            return Number(a / b, (da + abs(a / b) * db) / abs(b))
        if b.denominator != 1 or abs(b) > LARGEST_POWER or (a == 0 and b < 0):
            raise NotUnderstoodError
        return Number(a ** int(b), abs(b * a ** int(b) / a) * da if a else NOUGHT)


def decimals(text: str) -> int:
    """Digits behind the decimal point of a number as written."""
    return len(text.partition(".")[2])


def evaluate(side: Sequence[Token]) -> Number:
    """The value of an expression.

    Raises:
        NotUnderstoodError: it is not plain arithmetic.
    """
    reader = _Reader([token for token in side if token.kind not in ("word", "per")])
    number = reader.sum()
    if reader.at != len(reader.tokens):
        raise NotUnderstoodError
    return number


class _Reader:
    """Recursive descent over tokens: sums of products of powers of numbers and brackets."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def sum(self) -> Number:
        number = self.product()
        while self._operator() in ("+", "-"):
            operator = self._take()
            number = number.then(operator, self.product())
        return number

    def product(self) -> Number:
        number, divided = self.signed(), False
        while True:
            if self._operator() in ("*", "/"):
                operator = self._take()
                if divided and operator == "/":  # 6/1/3 may mean 6/(1/3)
                    raise NotUnderstoodError
                divided = operator == "/"
                number = number.then(operator, self.signed())
            elif self._kind() == "open":
                if divided:  # 6/2(1+2) is read in two ways
                    raise NotUnderstoodError
                number = number.then("*", self.signed())
            else:
                return number

    def signed(self) -> Number:
        if self._operator() == "-":
            self._take()
            return Number(Fraction(-1)).then("*", self.power())
        return self.power()

    def power(self) -> Number:
        number = self.atom()
        if self._kind() == "power" or self._operator() == "**":
            text = self._take()
            exponent = Number(Fraction(text)) if text in "23" else self.signed()
            return number.then("**", exponent)
        return number

    def atom(self) -> Number:
        kind = self._kind()
        if kind not in ("open", "number"):
            raise NotUnderstoodError
        text = self._take()
        if kind == "open":
            value = self.sum()
            if self._kind() != "close":
                raise NotUnderstoodError
            self._take()
            return value
        value = number(text)
        if self._kind() == "percent":
            is_part = self._take().endswith("of")
            value = value.then("/", Number(Fraction(100)))
            if is_part:
                value = value.then("*", self.atom())
        return value

    def _kind(self) -> str | None:
        return self.tokens[self.at].kind if self.at < len(self.tokens) else None

    def _operator(self) -> str | None:
        if self._kind() != "operator":
            return None
        text = self.tokens[self.at].text
        return MEANING.get(text, text)

    def _take(self) -> str:
        text = self.tokens[self.at].text
        self.at += 1
        return MEANING.get(text, text)


def number(text: str) -> Number:
    """A number as written; decimals of two places and more may have been rounded.

    Raises:
        NotUnderstoodError: it begins with a nought.
    """
    plain = text.lstrip("$€£").replace(",", "")
    if len(plain) > 1 and plain[0] == "0" and plain[1] != ".":
        raise NotUnderstoodError  # the end of `10, 000`
    if plain.isdigit():
        return Number(Fraction(int(plain)))
    value, places = Fraction(plain), decimals(plain)
    # Money and multiples of 0.05 are meant exactly.
    is_exact = places <= 1 or plain != text or (20 * value).denominator == 1
    return Number(value, NOUGHT if is_exact else Fraction(1, 2 * 10**places))
