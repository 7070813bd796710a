"""Pairs of rows that may be near-duplicates, by locality-sensitive hashing of signatures.

Rows that agree on all numbers of a band fall into one bucket. A bucket of n rows has n² pairs, and
a template may put a tenth of a dataset into one; so a row is paired with the first of its bucket,
which stands for a cluster, and with the few just before it, which makes up for a first one that is
there by chance. Pairs whose signatures agree too little go no further.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 3
"""Rows before a row in its bucket that it is paired with."""

_CHUNK = 100_000
_FACTOR = np.uint64(0x9E3779B97F4A7C15)

Pairs = NDArray[np.int64]
"""(pairs, 2) rows: the earlier, the later."""


def candidates(signatures: NDArray[np.uint32], band: int, agreement: float) -> Pairs:
    """Pairs of rows that share a band and agree on enough of their signatures.

    Args:
        signatures: (rows, permutations).
        band: numbers in a band.
        agreement: share of a signature's numbers that must agree.

    Returns:
        Each pair once, in order of the later row.
    """
    count, permutations = signatures.shape
    codes = [
        _agreeing(signatures, pairs, agreement)
        for start in range(0, permutations, band)
        for pairs in _neighbours(_keys(signatures[:, start : start + band]))
    ]
    if not codes:
        return np.zeros((0, 2), dtype=np.int64)
    code = np.unique(np.concatenate(codes))
    return np.stack([code % count, code // count], axis=1)


def _keys(numbers: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """One number for the numbers of a band; equal ones differ by chance in 1 of 2⁶⁴ pairs."""
    key = np.zeros(len(numbers), dtype=np.uint64)
    for column in numbers.T:
        key = (key ^ (key >> np.uint64(29))) * _FACTOR + column
    return key


def _neighbours(keys: NDArray[np.uint64]) -> Iterator[Pairs]:
    """Pairs of rows with the same key: with the first of them, and with those just before."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    same = np.zeros(len(keys), dtype=np.bool_)
    same[1:] = ordered[1:] == ordered[:-1]
    bucket = np.maximum.accumulate(np.where(same, 0, np.arange(len(keys))))
    place = np.flatnonzero(same)
    yield np.stack([order[bucket[place]], order[place]], axis=1)
    for lag in range(1, NEIGHBOURS + 1):
        near = place[place - lag > bucket[place]]
        yield np.stack([order[near - lag], order[near]], axis=1)


def _agreeing(signatures: NDArray[np.uint32], pairs: Pairs, agreement: float) -> NDArray[np.int64]:
    """Pairs that agree on enough numbers, as `later * rows + earlier`."""
    enough = agreement * signatures.shape[1]
    kept = [np.zeros((0, 2), dtype=np.int64)]
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        equal = signatures[chunk[:, 0]] == signatures[chunk[:, 1]]
        kept.append(chunk[equal.sum(axis=1) >= enough])
    found = np.concatenate(kept)
    return found[:, 1] * len(signatures) + found[:, 0]
