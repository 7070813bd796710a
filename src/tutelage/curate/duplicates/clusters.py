"""Who is kept of rows that are like each other: the first, and whoever is not like one kept.

Being alike is not handed on: a row may be like a second and that like a third, with nothing in
common between the first and the third. So a row is left out only for one that is kept and that it
has itself been compared with.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

ROUNDS = 8
"""Chains of likeness that are followed so far; what is left then is kept."""

Compare = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""Likeness of (pairs, 2) rows."""


def originals(
    pairs: NDArray[np.int64], compare: Compare, threshold: float
) -> dict[int, tuple[int, float]]:
    """The kept row that each left-out row is like.

    Args:
        pairs: (pairs, 2) the earlier and the later of rows that may be alike.
        compare: says how alike rows are, for sure.
        threshold: likeness from which the later row is left out.

    Returns:
        For each row left out, in order: a kept row before it, and their likeness.
    """
    known: dict[tuple[int, int], float] = {}

    def learn(asked: NDArray[np.int64]) -> None:
        keys = zip(asked[:, 0].tolist(), asked[:, 1].tolist(), strict=True)
        known.update(zip(keys, compare(asked).tolist(), strict=True))

    learn(pairs)
    alike: dict[int, list[int]] = {}
    for (earlier, later), likeness in known.items():
        if likeness >= threshold:
            alike.setdefault(later, []).append(earlier)
    for _ in range(ROUNDS):
        found, open_pairs = _settle(alike, known, threshold)
        if not open_pairs:
            break
        learn(np.array(open_pairs, dtype=np.int64))
    return found


def _settle(
    alike: dict[int, list[int]], known: dict[tuple[int, int], float], threshold: float
) -> tuple[dict[int, tuple[int, float]], list[tuple[int, int]]]:
    """Who is left out as far as is known, and pairs that must be compared to know more."""
    found: dict[int, tuple[int, float]] = {}
    unknown = []
    for row in sorted(alike):
        heads = sorted({found[other][0] if other in found else other for other in alike[row]})
        asked = [(head, row) for head in heads]
        best = next((pair for pair in asked if known.get(pair, 0) >= threshold), None)
        if best is None:
            unknown += [pair for pair in asked if pair not in known]
        else:
            found[row] = (best[0], known[best])
    return found, unknown
