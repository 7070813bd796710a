"""Responses that a model finds far less likely than the rest of the dataset.

Far is Tukey's fence on the loss: above the third quartile by one and a half times the quartiles'
distance, which 0.35 % of normally distributed losses are. Broken text, another language and
lists of numbers or names are found so; of them some are as they should be, hence `info`.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.findings import found

FENCE = 1.5
"""Distances between the quartiles above the third from which a loss is far off."""

LEAST_TOKENS = 8
"""Tokens from which a mean loss says something of a text; labels and names are shorter."""

LEAST_ROWS = 30
"""Rows from which a dataset has a usual loss."""


@WHOLE_CHECKS.register("high_perplexity")
class HighPerplexity(WholeCheck):
    """A response that is unusually hard to foretell from its prompt."""

    severity = "info"
    title = "Response is unusually hard to foretell"
    suggestion = "Look at it: it may be broken, in another language, or about something else."
    precision = "0.762 [0.549, 0.894] on Alpaca, a tenth of it with its words mixed up"
    recall = "0.800 [0.584, 0.919] on Alpaca with a response's words mixed up"
    scored = True

    def conclude(self, data: Dataset) -> Conclusion:
        """One finding a row with its perplexity; the summary has the fence."""
        scores = data.columns("model").with_row_index("at")
        usual = scores.filter(pl.col("tokens") >= LEAST_TOKENS)
        first, third = usual["loss"].quantile(0.25), usual["loss"].quantile(0.75)
        if first is None or third is None or len(usual) < LEAST_ROWS:
            return Conclusion(found(scores.clear(), "", field=None))
        fence = third + FENCE * (third - first)
        far = usual.filter(pl.col("loss") > fence)
        far = far.join(data.rows(far["at"]).select("at", "response_field"), on="at")
        above = pl.lit(round(fence, 2))
        detail = pl.format(
            "a loss of {} nats a token, where above {} is unusual", pl.col("loss").round(2), above
        )
        return Conclusion(
            found(far, detail, field="response_field"), {"fence": fence, "rows": len(far)}
        )
