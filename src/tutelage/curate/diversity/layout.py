"""A map of the rows: places in two dimensions at which like rows lie together.

Neighbours attract and random others repel, as in UMAP (McInnes et al. 2018) with a Cauchy kernel
(Böhm et al. 2022 show it to lie between UMAP and t-SNE), but all rows move at once: one step is a
few sums over arrays, so that 12,000 rows take 5 s in numpy and the same seed gives the same
map. It begins at the first two principal components, which keeps the large groups where they are
(Kobak and Linderman 2021). Of more rows a sample is laid out, and the others are put where their
nearest neighbours of the sample lie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Places = NDArray[np.float64]

SAMPLE = 12_000
"""Rows that are laid out; the others follow them."""

NEIGHBOURS = 12

PLACED_BY = 5
"""Neighbours between which a row outside the sample is put."""

REPELLED = 8
"""Random rows that each row is repelled by in a step."""

PUSH = 10.0
"""How much more repulsion counts than attraction. Of a row's 15 nearest among 12,000 Alpaca
prompts, 14 % are among its 15 nearest on the map at 1, 19 % at 5 and 21 % at 20 (1.4 % in principal
components), while trustworthiness (Venna and Kaski 2001) is 0.79, 0.84 and 0.83."""

STEPS = 200
STEP = 1.0
CLIP = 0.5
BLOCK = 1024


def layout(vectors: Vectors, seed: int) -> Places:
    """Places of rows.

    Args:
        vectors: (rows, width), of length 1.
        seed: of the sample and of what repels.

    Returns:
        (rows, 2), the middle at 0 and each axis with a standard deviation of 1.
    """
    draw = np.random.default_rng(seed)
    count = len(vectors)
    sample = np.arange(count)
    if count > SAMPLE:
        sample = np.sort(draw.choice(count, SAMPLE, replace=False))
    places = _settle(vectors[sample], draw)
    if count > SAMPLE:
        places = _follow(vectors, sample, places)
    spread = places.std(axis=0)
    centred: Places = (places - places.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return centred


def neighbours(vectors: Vectors, others: Vectors, most: int) -> NDArray[np.int64]:
    """(rows, most) the `others` that each row is most like, the likest first."""
    near = np.empty((len(vectors), most), dtype=np.int64)
    for start in range(0, len(vectors), BLOCK):
        like = vectors[start : start + BLOCK] @ others.T
        best = np.argpartition(-like, most - 1, axis=1)[:, :most]
        order = np.argsort(-np.take_along_axis(like, best, axis=1), axis=1, kind="stable")
        near[start : start + BLOCK] = np.take_along_axis(best, order, axis=1)
    return near


def _settle(vectors: Vectors, draw: np.random.Generator) -> Places:
    """Move rows from their principal components until neighbours lie together."""
    count = len(vectors)
    places = _components(vectors)
    if count < 3:
        return places
    most = min(NEIGHBOURS, count - 1)
    near = neighbours(vectors, vectors, most + 1)
    left = np.repeat(np.arange(count), most + 1)
    right = near.ravel()
    left, right = left[left != right], right[left != right]
    ends = np.concatenate([left, right])
    degree = np.maximum(np.bincount(ends, minlength=count), 1)[:, None]
    for step in range(STEPS):
        gap = places[left] - places[right]
        pull = gap / (1 + (gap**2).sum(axis=1, keepdims=True))
        move = -_sums(ends, np.concatenate([pull, -pull]), count) / degree
        other = draw.integers(count, size=(REPELLED, count))
        gap = places[None] - places[other]
        square = (gap**2).sum(axis=2, keepdims=True)
        push = gap / ((0.01 + square) * (1 + square))
        move += PUSH * push.mean(axis=0)
        places += STEP * (1 - step / STEPS) * np.clip(move, -CLIP, CLIP)
    return places


def _components(vectors: Vectors) -> Places:
    """The first two principal components, the first with a standard deviation of 1."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, :-3:-1]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1, 1)  # a fixed sign
    places: Places = centred @ axes
    return places / max(float(places[:, 0].std()), 1e-12)


def _sums(groups: NDArray[np.int64], values: Places, count: int) -> Places:
    """(count, 2) sums of the values of each group."""
    return np.stack([np.bincount(groups, column, count) for column in values.T], axis=1)


def _follow(vectors: Vectors, sample: NDArray[np.int64], placed: Places) -> Places:
    """Places of all rows, those outside the sample between their nearest in it."""
    places: Places = placed[neighbours(vectors, vectors[sample], PLACED_BY)].mean(axis=1)
    places[sample] = placed
    return places
