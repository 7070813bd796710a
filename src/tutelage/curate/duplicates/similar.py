"""Rows whose vectors point the same way, without all n² products in memory.

Up to 50,000 rows are compared each with every other, in blocks. More are first told apart by which
of some sampled rows they are most like; each is compared within its two nearest cells, which makes
the work grow as n^1.5. A pair near the threshold may then stand in different cells and go unseen.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

EXACT = 50_000
"""Rows up to which all are compared with all."""

CELL_ROWS = 1000
"""Rows that a cell has on average."""

NEAREST = 2
"""Cells that a row is in."""

MOST = 2
"""Earlier rows that a row is paired with beside the first it is like."""

BLOCK = 1024

Vectors = NDArray[np.float32]
"""(rows, width), of length 1."""

Pairs = NDArray[np.int64]


def similar(vectors: Vectors, threshold: float, seed: int) -> Pairs:
    """Pairs of a row and earlier ones that it is like: the first, and the few most like.

    Args:
        vectors: of all rows.
        threshold: cosine similarity.
        seed: of the sample that cells are made by.

    Returns:
        (pairs, 2) the earlier and the later row, each pair once.
    """
    found = [places[_within(vectors[places], threshold)] for places in _cells(vectors, seed)]
    return np.unique(np.concatenate([np.zeros((0, 2), dtype=np.int64), *found]), axis=0)


def cosines(vectors: Vectors, pairs: Pairs) -> NDArray[np.float64]:
    """Similarity of pairs of rows."""
    likeness: NDArray[np.float64] = np.einsum(
        "pw,pw->p", vectors[pairs[:, 0]], vectors[pairs[:, 1]], dtype=np.float64
    )
    return likeness


def _cells(vectors: Vectors, seed: int) -> Iterator[NDArray[np.int64]]:
    """Places of rows that are compared with one another, in order."""
    count = len(vectors)
    if count <= EXACT:
        yield np.arange(count)
        return
    draw = np.random.default_rng(seed)
    centres = vectors[draw.choice(count, count // CELL_ROWS, replace=False)]
    nearest = np.empty((count, NEAREST), dtype=np.int64)
    for start in range(0, count, BLOCK):
        likeness = vectors[start : start + BLOCK] @ centres.T
        nearest[start : start + BLOCK] = np.argpartition(-likeness, NEAREST, axis=1)[:, :NEAREST]
    order = np.argsort(nearest.ravel(), kind="stable")
    cuts = np.flatnonzero(np.diff(nearest.ravel()[order])) + 1
    yield from np.split(order // NEAREST, cuts)


def _within(vectors: Vectors, threshold: float) -> Pairs:
    """Pairs among rows that are all compared with all."""
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        like = block @ vectors[: start + len(block)].T
        like[:, start:][np.triu_indices(len(block))] = -1  # itself and later ones
        rows = np.flatnonzero((like >= threshold).any(axis=1))
        like = like[rows]
        most = min(MOST, like.shape[1])
        for others in (
            (like >= threshold).argmax(axis=1)[:, None],
            np.argpartition(-like, most - 1, axis=1)[:, :most],
        ):
            near = np.take_along_axis(like, others, axis=1) >= threshold
            row = np.broadcast_to((start + rows)[:, None], others.shape)
            pairs.append(np.stack([others[near], row[near]], axis=1))
    return np.concatenate(pairs)
