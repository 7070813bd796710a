"""Findings that name the row which is kept."""

from __future__ import annotations

import polars as pl

from tutelage.curate.check import Dataset
from tutelage.curate.findings import found, none


def named(
    data: Dataset, table: pl.DataFrame, detail: pl.Expr, score: pl.Expr | None = None
) -> pl.DataFrame:
    """Findings for rows that are like others.

    Args:
        data: the dataset.
        table: `at` and `kept`, places of the row found and of the one kept.
        detail: what is wrong; may use the column `name`, such as "row 17 of a.json".
        score: how alike they are.
    """
    if table.is_empty():
        return none()
    kept = table["kept"].unique().sort()
    names = data.rows(kept).select(
        pl.col("at").cast(pl.Int64).alias("kept"),
        pl.format("row {} of {}", "row", "source").alias("name"),
    )
    table = table.with_columns(pl.col("kept").cast(pl.Int64))
    return found(table.join(names, on="kept").sort("at"), detail, field=None, score=score)


def firsts(keys: pl.DataFrame) -> pl.Series:
    """Place of the first row with the same keys, for every row."""
    placed = keys.with_row_index("place")
    return placed.select(pl.col("place").min().over(keys.columns).cast(pl.Int64)).to_series()
