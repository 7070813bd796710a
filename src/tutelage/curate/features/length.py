"""How long each row's response is, and of which task it is."""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import FEATURES, Feature


@FEATURES.register("length")
class Length(Feature):
    """Characters of the last response, with the row's task."""

    def of(self, batch: Batch) -> pl.DataFrame:
        """`task`, and `characters` of the response."""
        return batch.rows.select("task", pl.col("response").str.len_chars().alias("characters"))
