"""Rows that are there more than once."""

from __future__ import annotations

import polars as pl

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.duplicates.naming import firsts, named


@WHOLE_CHECKS.register("exact_duplicate")
class ExactDuplicate(WholeCheck):
    """The same prompt and the same answer as an earlier row of any file.

    Case, spaces and punctuation do not count, operators do; prompt and answer must each be the
    same, the system prompt included.
    """

    severity = "error"
    title = "Row is there twice"
    suggestion = "Keep the first: a row repeated is trained on twice, and may be in two splits."
    precision = "1.000 [0.994, 1.000], Alpaca repeated"
    recall = "0.998 [0.991, 1.000]"
    uses = ("content",)

    def conclude(self, data: Dataset) -> Conclusion:
        """Every later row of a group of equal ones."""
        content = data.feature("content")
        table = pl.DataFrame(
            {
                "kept": firsts(content.select("prompt", "answer")),
                "verbatim": firsts(content.select("verbatim")),
            }
        ).with_row_index("at")
        later = table.filter(pl.col("kept") != pl.col("at"))
        verbatim = pl.col("verbatim") != pl.col("at")
        but = pl.when(verbatim).then(pl.lit("")).otherwise(pl.lit(" but for case or punctuation"))
        findings = named(data, later, pl.format("the same as {}{}", "name", but))
        summary = {"rows": len(later), "verbatim": int(later.select(verbatim.sum()).item())}
        return Conclusion(findings, summary)
