"""Rows whose undesired response a judge prefers to the desired one."""

from __future__ import annotations

import polars as pl

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.findings import found


@WHOLE_CHECKS.register("rejected_preferred")
class RejectedPreferred(WholeCheck):
    """The row's first undesired response is preferred in both orders.

    Human preferences are noisy, and a judge has its own; hence `info`.
    """

    severity = "info"
    title = "A judge prefers the undesired response"
    suggestion = "Read both: they may be exchanged."
    slow = True
    judged = "compared"

    def conclude(self, data: Dataset) -> Conclusion:
        """One finding a row, with the judge's reason."""
        rows = data.columns("judge").with_row_index("at").filter(pl.col("preferred") == "rejected")
        rows = rows.join(data.rows(rows["at"]).select("at", "response_field"), on="at")
        detail = pl.format("prefers the undesired response: {}", "preferred_reason")
        return Conclusion(found(rows, detail, field="response_field"), {"rows": len(rows)})
