"""Rows that stand for all others: facility location, chosen greedily.

The value of a set is, summed over all rows, the likeness of the row to what in the set is most like
it, times that one's quality. It grows with every row, by less the more are there (monotone and
submodular), so the greedy choice is worth at least 1 - 1/e, 63 %, of the best set of its size
(Nemhauser, Wolsey and Fisher 1978). Gains only shrink, so one is worked out again only when it
comes to the top (Minoux 1978). Likeness is kept to each row's nearest 64, and above 20,000 rows it
is a sample of them that must be stood for.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tutelage.curate.check import Dataset
from tutelage.curate.selection import METHODS, Method, Picks, Quality

NEIGHBOURS = 64
SAMPLE = 20_000
"""Rows that are stood for."""

BLOCK_BYTES = 2**27

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Worth:
    """How well candidates stand for rows, where it is not 0; sorted by candidate.

    Attributes:
        starts: (candidates + 1,) where each candidate's entries begin.
        rows: (entries,) the row that is stood for.
        values: (entries,) likeness times quality.
        covered: number of rows that are to be stood for.
    """

    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    covered: int

    def of(self, candidate: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The rows that a candidate stands for, and how well."""
        span = slice(self.starts[candidate], self.starts[candidate + 1])
        return self.rows[span], self.values[span]


@METHODS.register("facility_location")
class FacilityLocation(Method):
    """Rows that are like many others, and of good quality."""

    uses = ("embedding",)

    def pick(self, data: Dataset, quality: Quality, count: int) -> Picks:
        """The rows that stand best for all, in the order of what each adds."""
        vectors = data.feature("embedding")["vector"].to_numpy()
        draw = np.random.default_rng(self.options.seed)
        covered = np.arange(len(vectors))
        if len(vectors) > SAMPLE:
            covered = np.sort(draw.choice(len(vectors), SAMPLE, replace=False))
        worth = _worth(vectors, vectors[covered], quality)
        places = greedy(worth, quality, count)
        stood = _stood_for(worth, places)
        of = "rows" if len(covered) == len(vectors) else f"of {SAMPLE:,} sampled rows"
        return Picks(
            places,
            [
                f"covers {number:,} {of}; quality {quality[place]:.2g}"
                for number, place in zip(stood, places, strict=True)
            ],
        )


def greedy(worth: Worth, quality: Quality, count: int) -> NDArray[np.int64]:
    """Candidates by what each adds to those before it; equal ones by quality, then in order."""
    best = np.zeros(worth.covered)
    sums = np.concatenate([[0.0], np.cumsum(worth.values)])
    gains = sums[worth.starts[1:]] - sums[worth.starts[:-1]]
    fit = np.flatnonzero(quality > 0)
    heap = [(-gains[place], -quality[place], int(place), 0) for place in fit]
    heapq.heapify(heap)
    chosen: list[int] = []
    while len(chosen) < count:
        _, worthless, place, known_at = heapq.heappop(heap)
        rows, values = worth.of(place)
        if known_at < len(chosen) or not chosen:
            gain = float(np.maximum(values - best[rows], 0).sum())
            entry = (-gain, worthless, place, len(chosen))
            if heap and entry[:3] > heap[0][:3]:
                heapq.heappush(heap, entry)
                continue
        best[rows] = np.maximum(best[rows], values)
        chosen.append(place)
    return np.array(chosen, dtype=np.int64)


def _worth(vectors: Vectors, covered: Vectors, quality: Quality) -> Worth:
    """How well each row stands for its neighbours among those covered."""
    most = min(NEIGHBOURS, len(vectors))
    block = max(1, BLOCK_BYTES // (4 * len(vectors)))
    weights = quality.astype(np.float32)
    owners, values = [], []
    for start in range(0, len(covered), block):
        worth = np.maximum(covered[start : start + block] @ vectors.T, 0) * weights
        nearest = np.argpartition(-worth, most - 1, axis=1)[:, :most].copy()  # a view keeps all
        owners.append(nearest)
        values.append(np.take_along_axis(worth, nearest, axis=1))
    owner, value = np.concatenate(owners).ravel(), np.concatenate(values).ravel()
    row = np.repeat(np.arange(len(covered)), most)
    order = np.lexsort((row, owner))
    order = order[value[order] > 0]
    starts = np.zeros(len(vectors) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner[order], minlength=len(vectors)), out=starts[1:])
    return Worth(starts, row[order], value[order].astype(np.float64), len(covered))


def _stood_for(worth: Worth, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many rows each chosen one is the best to stand for."""
    best = np.zeros(worth.covered)
    by = np.full(worth.covered, -1)
    for number, place in enumerate(places):
        rows, values = worth.of(int(place))
        better = values > best[rows]
        best[rows[better]], by[rows[better]] = values[better], number
    return np.bincount(by[by >= 0], minlength=len(places))
