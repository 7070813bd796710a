"""The sentences that name people, as a table that association is measured on."""

from __future__ import annotations

import polars as pl

from tutelage.curate.bias.bundles import bundle
from tutelage.curate.bias.groups import mask
from tutelage.curate.words import any_of, sections

MOST_ROWS = 100_000
"""Rows whose sentences are looked at, evenly over those that have any: association needs no more,
and time and memory stay as they are for any number of rows."""


def sentences(people: pl.DataFrame) -> pl.DataFrame:
    """Sentences of prompts and responses that name a group.

    Args:
        people: the feature of every row.

    Returns:
        `sentence` (its number), `bundle`, `part`, `text`, `mask`, `praise` and `blame` (words that
        speak well and ill).
    """
    rows = people.with_row_index("at")
    tables = []
    for part in ("prompt", "response"):
        said = rows.select("at", pl.col(f"{part}_said").alias("text")).drop_nulls()
        said = said.gather_every(max(1, -(-len(said) // MOST_ROWS)))
        split = said.with_columns(pl.col("text").str.split("\n")).explode("text")
        tables.append(
            split.select(bundle(pl.col("at")).alias("bundle"), pl.lit(part).alias("part"), "text")
        )
    mood = sections("sentiment")
    return (
        pl.concat(tables)
        .with_columns(
            mask(pl.col("text")).alias("mask"),
            *(
                pl.col("text")
                .str.count_matches(rf"(?i)(?-u:\b)(?:{any_of(mood[which])})(?-u:\b)")
                .alias(name)
                for name, which in (("praise", "positive"), ("blame", "negative"))
            ),
        )
        .with_row_index("sentence")
    )
