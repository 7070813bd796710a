"""Evaluation items that a training row is most like."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

NEAREST = 3
"""Items that a row is compared with."""

BLOCK = 4096


def nearest(
    vectors: NDArray[np.float32], items: NDArray[np.float32], likeness: float
) -> pl.DataFrame:
    """The items that each row is most like.

    Args:
        vectors: (rows, width) of length 1.
        items: (items, width) of length 1.
        likeness: least cosine similarity.

    Returns:
        `at` (place of the row), `text` (number of the item) and `likeness`.
    """
    count = min(NEAREST, len(items))
    tables = []
    for start in range(0, len(vectors), BLOCK):
        like = vectors[start : start + BLOCK] @ items.T
        best = np.argpartition(-like, count - 1, axis=1)[:, :count]
        row = np.repeat(np.arange(len(like)), count)
        chosen = like[row, best.ravel()]
        near = chosen >= likeness
        tables.append(
            pl.DataFrame(
                {"at": start + row[near], "text": best.ravel()[near], "likeness": chosen[near]}
            )
        )
    return pl.concat(tables).cast({"at": pl.Int64, "text": pl.Int64, "likeness": pl.Float64})
