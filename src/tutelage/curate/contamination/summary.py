"""What is said of rows that hold evaluation items, row by row and of every evaluation set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tutelage.curate.check import Dataset
from tutelage.curate.findings import found, none

LISTED = 1000
"""Items that a summary lists, those that are most surely there first."""


def items_of(sets: Mapping[str, Dataset]) -> pl.DataFrame:
    """All items in order: `set`, `item` (its place there) and `name`."""
    return pl.concat(
        items.rows().select(
            pl.lit(name).alias("set"),
            pl.col("at").cast(pl.Int64).alias("item"),
            pl.format("row {} of {}", "row", "source").alias("name"),
        )
        for name, items in sets.items()
    )


def one_each(data: Dataset, held: pl.DataFrame, detail: pl.Expr) -> pl.DataFrame:
    """One finding for every row that holds items, naming the one it holds most of.

    Args:
        data: the training data.
        held: `at`, `part` (of the row), `set`, `item` (its place there), `name` (such as "row 12 of
            humaneval.jsonl"), `of` (the item's part), `share`.
        detail: what is wrong; may use all of `held`.
    """
    if held.is_empty():
        return none()
    order = ["at", "of", "share", "set", "item"]  # prompts before answers
    best = held.sort(order, descending=[False, True, True, False, False])
    best = best.unique("at", keep="first", maintain_order=True)
    fields = data.rows(best["at"]).select(
        pl.col("at").cast(pl.Int64), "instruction_field", "response_field"
    )
    table = best.join(fields, on="at").sort("at")
    field = (
        pl.when(pl.col("part") == "prompt").then("instruction_field").otherwise("response_field")
    )
    return found(table, detail, field=field, score=pl.col("share"))


def summary(sets: Mapping[str, Dataset], held: pl.DataFrame) -> dict[str, Any]:
    """For each evaluation set: its items, how many are in the training data, and which."""
    told = {}
    for name, items in sets.items():
        there = held.filter(pl.col("set") == name)
        listed = (
            there.group_by("item", "name")
            .agg(pl.col("share").max(), pl.col("at").n_unique().alias("rows"))
            .sort(["share", "item"], descending=[True, False])
        )
        told[name] = {
            "items": items.count,
            "found": len(listed),
            "rows": there["at"].n_unique(),
            "which": [
                {"item": name, "share": round(share, 3), "rows": rows}
                for _, name, share, rows in listed.head(LISTED).iter_rows()
            ],
        }
    return told
