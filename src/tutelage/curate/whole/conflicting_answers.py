"""Rows that contradict one another."""

from __future__ import annotations

import polars as pl

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.duplicates.naming import named
from tutelage.curate.duplicates.prompts import answered_otherwise


@WHOLE_CHECKS.register("conflicting_answers")
class ConflictingAnswers(WholeCheck):
    """The prompt of an earlier row with another short answer, of which one must be wrong.

    A label, a number, a name: eight words at most in both, and neither within the other. Prompts
    worded as asking for one of many ("name a", "suggest") are left to
    `same_prompt_different_answer`.
    """

    severity = "warning"
    title = "One prompt, two short answers"
    suggestion = "Find out which of the two answers is right."
    precision = "1.000 [0.985, 1.000], Banking77 with flipped labels"
    recall = "0.992 [0.972, 0.998]"
    uses = ("content",)

    def conclude(self, data: Dataset) -> Conclusion:
        """Every later row, with the first that asks the same."""
        table = answered_otherwise(data).filter(pl.col("conflict"))
        detail = pl.format("asks the same as {} and answers otherwise", "name")
        return Conclusion(named(data, table, detail), {"rows": len(table)})
