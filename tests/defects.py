"""Defects put into clean rows at known rates, so that it is known what a check should find.

Every generator is `inject_<check>(rows, rate, seed)`: it gives the rows with some of them broken
(copies; the given ones stay as they are), and the positions of the broken ones. What a defect is
made of is ours or comes from the rows themselves.
"""

from __future__ import annotations

import random
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
