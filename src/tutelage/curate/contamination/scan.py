"""Training rows that hold evaluation items: looked up some thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tutelage.curate.check import Dataset
from tutelage.curate.contamination.index import Index
from tutelage.curate.normal import PROMPT, joined, words

CHUNK_CHARACTERS = 20_000_000
"""Characters that are looked up at a time, which bounds memory whatever the rows' lengths."""

SAMPLE = 20_000
"""Rows by which it is told what is a template in training data."""

COMMON_ROWS = 20
COMMON_SHARE = 0.01
MOST = 0.8
"""A run in more of the sampled rows than both numbers say is a template, unless those rows hold
most of the item: an item that was copied into every hundredth row is no template."""

PARTS = ("prompt", "answer")


def parts(rows: pl.DataFrame) -> pl.Series:
    """The prompts of rows, then their answers."""
    prompts = rows.select(joined(*PROMPT).alias("text"))
    answers = rows.select(pl.col("response").alias("text"))
    return pl.concat([prompts, answers]).to_series()


def shared(data: Dataset, short: Index, long: Index) -> pl.DataFrame:
    """What every training row shares with items.

    Args:
        data: the training data.
        short: runs that tell how much of an item is shared; templates of the training data are
            taken out of it.
        long: runs that hardly two texts share by chance.

    Returns:
        `at`, `part` (of the row), `text` (of an item), `short` and `long` (runs shared).
    """
    places = np.arange(data.count)
    sample = places[:: max(1, data.count // SAMPLE)]
    short.without(_templates(data, sample, short))
    return pl.concat(_shared(rows, short, long) for rows in _chunks(data, places))


def _templates(data: Dataset, sample: NDArray[np.int64], index: Index) -> pl.Series:
    """Runs of items that many training rows hold without holding the items."""
    totals = pl.DataFrame({"total": index.totals}).with_row_index("text").cast(pl.Int64)
    held = pl.concat(
        index.hits(words(parts(rows)))
        .join(totals, on="text")
        .select("run", pl.lit(number).alias("chunk"), "row", _share_of_item().alias("share"))
        for number, rows in enumerate(_chunks(data, sample))
    )
    most = held.group_by("run", "chunk", "row").agg(pl.col("share").max())
    runs = most.group_by("run").agg(pl.len().alias("rows"), pl.col("share").mean())
    limit = max(COMMON_ROWS, COMMON_SHARE * len(sample))
    return runs.filter((pl.col("rows") > limit) & (pl.col("share") < MOST))["run"]


def _share_of_item() -> pl.Expr:
    return pl.len().over("row", "text") / pl.col("total")


def _shared(rows: pl.DataFrame, short: Index, long: Index) -> pl.DataFrame:
    found = words(parts(rows))
    keys = ["row", "text"]
    few = short.hits(found).group_by(keys).agg(pl.len().cast(pl.Int64).alias("short"))
    many = long.hits(found).group_by(keys).agg(pl.len().cast(pl.Int64).alias("long"))
    # `parts` has the prompts of all rows first, then their answers.
    number, part = pl.col("row") % len(rows), pl.col("row") // len(rows)
    table = few.join(many, on=keys, how="left").with_columns(
        number.alias("number"), part.replace_strict(dict(enumerate(PARTS))).alias("part")
    )
    at = rows.select(pl.col("at").cast(pl.Int64)).with_row_index("number").cast(pl.Int64)
    return table.join(at, on="number").select(
        "at", "part", "text", "short", pl.col("long").fill_null(0)
    )


def _chunks(data: Dataset, places: NDArray[np.int64]) -> Iterator[pl.DataFrame]:
    """The rows at places, in order, so many at a time as memory is for."""
    characters = data.feature("content")["characters"].to_numpy()[places].astype(np.int64)
    chunk = (np.cumsum(characters) - 1) // CHUNK_CHARACTERS
    for part in np.split(places, np.flatnonzero(np.diff(chunk)) + 1):
        if len(part):
            yield data.rows(pl.Series(part))
