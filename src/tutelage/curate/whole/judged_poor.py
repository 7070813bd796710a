"""Responses that a judge gives a low score."""

from __future__ import annotations

import polars as pl

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.findings import found
from tutelage.judge import CRITERIA

POOR = 2
"""The highest score that is a finding."""


@WHOLE_CHECKS.register("judged_poor")
class JudgedPoor(WholeCheck):
    """A response with 1 or 2 of 5 for following, correctness, clarity or safety.

    How often that is right depends on the judge and was measured for none.
    """

    severity = "warning"
    title = "A judge finds the response poor"
    suggestion = "Read it: a judge may be wrong, or may have been talked to by the row."
    slow = True
    judged = "rated"

    def conclude(self, data: Dataset) -> Conclusion:
        """One finding a row, with the lowest score and its reason."""
        rows = data.columns("judge").with_row_index("at")
        lowest = pl.min_horizontal(CRITERIA)
        poor = rows.filter(lowest <= POOR)
        poor = poor.join(data.rows(poor["at"]).select("at", "response_field"), on="at")
        detail = pl.format("{} {} of 5: {}", "worst", lowest, "reason")
        score = (5 - lowest) / 4
        return Conclusion(
            found(poor, detail, field="response_field", score=score), {"rows": len(poor)}
        )
