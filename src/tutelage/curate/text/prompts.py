"""What was asked, beside a text that a rule has found in an answer."""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch


def with_prompt(texts: pl.DataFrame, batch: Batch) -> pl.DataFrame:
    """The texts with a column `prompt`: the instruction and the input of their rows' last exchange.

    Prompts are put together for these rows alone: for all of a million it would take longer than
    most rules.
    """
    prompt = pl.concat_str("instruction", "input", separator="\n").alias("prompt")
    rows = batch.rows.filter(pl.col("at").is_in(texts["at"].unique().implode()))
    return texts.join(rows.select("at", prompt), on="at", how="left", maintain_order="left")
