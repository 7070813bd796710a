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
                copy[key] = _words_changed(value, share, other, draw)
        whole.append(copy)
    return Injected(whole, set(range(len(rows), len(whole))))


def _words_changed(text: str, share: float, other: Sequence[str], draw: random.Random) -> str:
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
