"""Responses that a model finds no likelier with their prompt than without it.

The line is that of Li et al. (2023), who leave such rows out of what they train on: their IFD, the
loss given the prompt over the loss without, is 1 or more. Answers that were moved to other rows are
found so, but also answers that no prompt can foretell (a name, a number), and a small model sees
less of what a prompt asks for than a large one, hence `info`.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.findings import found


@WHOLE_CHECKS.register("prompt_does_not_help")
class PromptDoesNotHelp(WholeCheck):
    """A response that its prompt makes no likelier."""

    severity = "info"
    title = "Prompt does not help to foretell the response"
    suggestion = (
        "Look at it: the response may belong to another prompt, or say nothing of this one."
    )
    precision = "0.989 [0.962, 0.997] on Alpaca, half of it with another row's response"
    recall = "0.930 [0.886, 0.958] on Alpaca with another row's response"
    scored = True

    def conclude(self, data: Dataset) -> Conclusion:
        """One finding a row with its IFD; the summary counts them."""
        scores = data.columns("model").with_row_index("at")
        bad = scores.filter(pl.col("ifd") >= 1)
        bad = bad.join(data.rows(bad["at"]).select("at", "response_field"), on="at")
        detail = pl.format(
            "IFD {}: the model finds it no likelier with its prompt", pl.col("ifd").round(2)
        )
        return Conclusion(found(bad, detail, field="response_field"), {"rows": len(bad)})
