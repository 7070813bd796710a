"""Training rows that ask what an evaluation item asks, in other words."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.contamination.nearest import nearest
from tutelage.curate.contamination.summary import items_of, one_each, summary
from tutelage.curate.findings import none
from tutelage.curate.rare_words import in_common, prompts, weights

LIKENESS = 0.6
"""Cosine similarity from which a row and an item are compared."""

IN_COMMON = 0.35
"""Share of their words, weighted by rarity, from which they ask the same."""


@WHOLE_CHECKS.register("paraphrased_contamination")
class ParaphrasedContamination(WholeCheck):
    """The prompt asks what an evaluation item asks, in other words or in part.

    Embeddings find candidates, and the rare words that both hold decide. A paraphrase that keeps
    neither names nor numbers nor terms goes unseen.
    """

    title = "Evaluation item in other words"
    suggestion = "Compare the two: leave the row out if who learnt it would know the answer."
    precision = "0.982 [0.954, 0.993], GSM8K test items in other words, by rules"
    recall = "1.000 [0.982, 1.000]"
    uses = ("content", "embedding")
    against = True

    def conclude(self, data: Dataset) -> Conclusion:
        """One finding a row, for the item that it is most like."""
        sets = {name: items for name, items in data.against().items() if items.count}
        if not sets or not data.count:
            return Conclusion(none(), {})
        items = items_of(sets).with_row_index("text")
        asked = pl.concat(prompts(items.rows()) for items in sets.values())
        vectors = np.concatenate([_vectors(items) for items in sets.values()])
        pairs = nearest(_vectors(data), vectors, LIKENESS)
        share = in_common(
            pairs.select("at", "text").to_numpy(),
            lambda at: prompts(data.rows(at)),
            asked.gather,
            weights(data, asked),
        )
        told = pairs.with_columns(pl.Series("share", share))
        held = (
            told.filter(pl.col("share") >= IN_COMMON)
            .join(items.cast({"text": pl.Int64}), on="text")
            .with_columns(pl.lit("prompt").alias("part"), pl.lit("prompt").alias("of"))
        )
        return Conclusion(one_each(data, held, _detail()), summary(sets, held))


def _vectors(data: Dataset) -> NDArray[np.float32]:
    return data.feature("embedding")["vector"].to_numpy()


def _detail() -> pl.Expr:
    share = (pl.col("share") * 100).floor().cast(pl.Int64)
    return pl.format("asks what {} asks, by {} % of their rarer words", "name", share)
