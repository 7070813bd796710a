"""Rows that answer one prompt in several ways."""

from __future__ import annotations

import polars as pl

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.duplicates.naming import named
from tutelage.curate.duplicates.prompts import answered_otherwise


@WHOLE_CHECKS.register("same_prompt_different_answer")
class SamePromptDifferentAnswer(WholeCheck):
    """The prompt of an earlier row with another answer, where both may be right.

    Case, spaces and punctuation do not count in either.
    """

    severity = "info"
    title = "One prompt, several answers"
    suggestion = "Fine where several answers are right; else keep the better one."
    precision = "1.000 [0.991, 1.000], Alpaca with answers exchanged"
    recall = "1.000 [0.991, 1.000]"
    uses = ("content",)

    def conclude(self, data: Dataset) -> Conclusion:
        """Every later row, with the first that asks the same."""
        table = answered_otherwise(data).filter(~pl.col("conflict"))
        detail = pl.format("asks the same as {}, with another answer", "name")
        return Conclusion(named(data, table, detail), {"rows": len(table)})
