"""Defects put into clean rows at known rates, so that it is known what a check should find.

Every generator is `inject_<check>(rows, rate, seed)`: it gives the rows with some of them broken
(copies; the given ones stay as they are), and the positions of the broken ones. What a defect is
made of is ours or comes from the rows themselves.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Injected(NamedTuple):
    """Rows with defects.

    Attributes:
        rows: in the given order; what is added stands behind them.
        broken: 0-based positions of rows that a check should find.
    """

    rows: list[dict[str, Any]]
    broken: set[int]


def drawn(rows: Sequence[Row], rate: float, seed: int) -> list[int]:
    """Positions that a rate falls on (at least one), in order."""
    count = max(1, round(rate * len(rows)))
    return sorted(random.Random(seed).sample(range(len(rows)), count))


def inject_exact_duplicate(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Rows repeated behind the others, every other one with other case and punctuation."""
    whole = [dict(row) for row in rows]
    for number, place in enumerate(drawn(rows, rate, seed)):
        copy = dict(rows[place])
        if number % 2:
            copy = {
                key: value.upper().replace(". ", " ;\n") if isinstance(value, str) else value
                for key, value in copy.items()
            }
        whole.append(copy)
    return Injected(whole, set(range(len(rows), len(whole))))


def inject_near_duplicate(
    rows: Sequence[Row], rate: float, seed: int, changed: tuple[float, float] = (0.05, 0.2)
) -> Injected:
    """Rows repeated behind the others with a share of their words changed.

    Seven in ten of the changed words are replaced by one of another row, the rest left out or
    followed by one. Every field is changed by the same share, those of five words and more by one
    word at least.
    """
    whole = [dict(row) for row in rows]
    draw = random.Random(seed)
    for place in drawn(rows, rate, seed):
        share = draw.uniform(*changed)
        other = " ".join(str(value) for value in rows[draw.randrange(len(rows))].values()).split()
        copy = dict(rows[place])
        for key, value in copy.items():
            if isinstance(value, str):
                copy[key] = words_changed(value, share, other, draw)
        whole.append(copy)
    return Injected(whole, set(range(len(rows), len(whole))))


def words_changed(text: str, share: float, other: Sequence[str], draw: random.Random) -> str:
    """A text with a share of its words changed, its spaces kept."""
    words = re.findall(r"\S+\s*", text)
    count = max(round(share * len(words)), len(words) >= 5)
    for place in draw.sample(range(len(words)), count):
        word, luck = words[place], draw.random()
        space = word[len(word.rstrip()) :]
        if luck < 0.7:
            words[place] = draw.choice(other) + space
        elif luck < 0.85:
            words[place] = ""
        else:
            words[place] = f"{word.rstrip()} {draw.choice(other)}{space}"
    return "".join(words)


def inject_conflicting_answers(
    rows: Sequence[Row], rate: float, seed: int, answer: str = "output"
) -> Injected:
    """Rows repeated behind the others with the differing answer of another row."""
    whole = [dict(row) for row in rows]
    draw = random.Random(seed)
    for place in drawn(rows, rate, seed):
        other = draw.choice([row[answer] for row in rows if row[answer] != rows[place][answer]])
        whole.append({**rows[place], answer: other})
    return Injected(whole, set(range(len(rows), len(whole))))


def inject_contamination(
    rows: Sequence[Row], items: Sequence[Row], seed: int, changed: float = 0.0
) -> Injected:
    """Items put among the rows: as they are, within a longer prompt, and in an answer.

    Rows and items have the fields `instruction` and `output`; a share of the items' words may be
    changed.
    """
    whole = [dict(row) for row in rows]
    draw = random.Random(seed)
    for number, item in enumerate(items):
        host = rows[draw.randrange(len(rows))]
        other = " ".join(str(value) for value in host.values()).split()
        asked = (
            words_changed(item["instruction"], changed, other, draw)
            if changed
            else (item["instruction"])
        )
        whole.append(
            [
                {"instruction": asked, "output": item["output"]},
                {"instruction": f"Solve this: {asked} Then stop.", "output": host["output"]},
                {"instruction": host["instruction"], "output": f"{host['output']} {asked}"},
            ][number % 3]
        )
    return Injected(whole, set(range(len(rows), len(whole))))


def inject_false_arithmetic(
    rows: Sequence[Row], rate: float, seed: int, answer: str = "output"
) -> Injected:
    """Solutions in gsm8k's notation with one result wrong, the notes of half of them taken out.

    Only rows with a result in a note (`<<48/2=24>>24`) can be broken; the rate is of those.
    """
    whole = [dict(row) for row in rows]
    note = re.compile(r"=(-?[0-9]+)>>[0-9,]*[0-9]")
    able = [place for place, row in enumerate(rows) if note.search(row[answer])]
    broken = {able[number] for number in drawn(able, rate, seed)}  # type: ignore[arg-type]
    draw = random.Random(seed)
    for place in sorted(broken):
        text = rows[place][answer]
        result = draw.choice(list(note.finditer(text)))
        wrong = int(result[1]) + draw.choice([-10, -2, -1, 1, 2, 3, 10])
        text = f"{text[: result.start()]}={wrong}>>{wrong}{text[result.end() :]}"
        whole[place][answer] = re.sub(r"<<[^<>]*>>", "", text) if draw.random() < 0.5 else text
    return Injected(whole, broken)


SYNONYMS = {
    "a given": "some",
    "add": "put in",
    "all": "each of the",
    "amount": "quantity",
    "answer": "reply",
    "between": "from among",
    "big": "large",
    "buys": "purchases",
    "calculate": "work out",
    "check": "test",
    "contains": "has",
    "create": "make",
    "describe": "give an account of",
    "different": "distinct",
    "does": "is it that",
    "each": "every",
    "explain": "make clear",
    "find": "work out",
    "function": "routine",
    "generate": "produce",
    "gets": "receives",
    "given": "supplied",
    "gives": "hands",
    "how many": "what number of",
    "how much": "what amount of",
    "if": "supposing",
    "input": "argument",
    "integer": "whole number",
    "integers": "whole numbers",
    "kids": "children",
    "list": "sequence",
    "makes": "earns",
    "number": "count",
    "numbers": "values",
    "only": "just",
    "order": "sequence",
    "people": "persons",
    "provide": "give",
    "return": "give back",
    "returns": "gives back",
    "sells": "vends",
    "should": "ought to",
    "small": "little",
    "string": "text",
    "strings": "texts",
    "suggest": "propose",
    "the following": "this",
    "total": "sum",
    "use": "employ",
    "week": "seven days",
    "write": "compose",
    "you are": "one is",
    "your task is to": "please",
}
"""Our own: other words for words of instructions."""

_SENTENCE = re.compile(r"(?<=[.?!])\s+")


def paraphrased(text: str, draw: random.Random) -> str:
    """A text in other words: code examples left out, words replaced, statements in other order.

    A question at the end stays there. What a language model would make of the text differs more;
    this is what can be made without one.
    """
    lines = [line for line in text.splitlines() if not re.match(r"\s*(>>>|from |import )", line)]
    plain = re.sub(r"\bdef (\w+)\(.*", r"Write the function \1.", "\n".join(lines))
    plain = re.sub(r'"""|\s+', " ", plain).strip()
    for word, other in sorted(SYNONYMS.items(), key=lambda item: -len(item[0])):
        plain = re.sub(rf"\b{word}\b", other, plain, flags=re.IGNORECASE)
    *statements, last = _SENTENCE.split(plain)
    if len(statements) > 2:
        head, *rest = statements
        draw.shuffle(rest)
        statements = [head, *rest]
    return " ".join(["Here is something to do.", *statements, last])
