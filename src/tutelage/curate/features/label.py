"""Which rows are answered by a label: a few words, the same for many rows of a task."""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import FEATURES, Feature
from tutelage.curate.normal import normalised

WORDS = 8
"""Longer responses are no labels."""


@FEATURES.register("label")
class Label(Feature):
    """`task`, and hashes: `asked` (of an instruction with an input) and `label` (of the response).

    Both hashes are null where there is no such thing.
    """

    slow = True

    def of(self, batch: Batch) -> pl.DataFrame:
        """`task`, `asked` and `label` of each row."""
        short = pl.col("response").str.count_matches(r"\S+") <= WORDS
        answers = normalised(batch.rows["response"]).hash(5)
        return batch.rows.select(
            "task",
            pl.when(pl.col("input").str.strip_chars() != "")
            .then(pl.col("instruction").hash(4))
            .alias("asked"),
            pl.when(short).then(answers).alias("label"),
        )
