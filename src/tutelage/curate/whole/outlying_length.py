"""Responses that are far longer or shorter than others of their task.

Distance is counted from the median of the logarithm, in median absolute deviations (Iglewicz and
Hoaglin 1993, with a limit of 2.5 for their 3.5), of each side by itself: one-word answers make the
lower side of most datasets twice as wide as the upper. An outlying length is no defect as such,
hence `info`. It is where loops, pasted pages and stubs are found, and decides how much memory
training takes.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.findings import found

LIMIT = 2.5
"""Robust standard deviations from which a length is outlying."""

LEAST_SPREAD = 0.25
"""Spread of the logarithm below which tasks are not taken to be: 28 % of a length."""

LEAST_ROWS = 30
"""Rows of a task from which it has a usual length; smaller tasks are counted together."""

NORMAL = 1.4826
"""Standard deviations of a normal distribution in a median absolute deviation."""


@WHOLE_CHECKS.register("outlying_length")
class OutlyingLength(WholeCheck):
    """A response much longer or shorter than is usual in its task."""

    severity = "info"
    title = "Outlying length"
    suggestion = "Look at it: a pasted page, a loop, a cut-off or a stub is such a row."
    precision = "1.000 [0.940, 1.000] on Alpaca with defects put in"
    recall = "1.000 [0.940, 1.000] on Alpaca with defects put in"
    uses = ("length",)

    def conclude(self, data: Dataset) -> Conclusion:
        """One finding a row, with the usual length; the summary has quantiles of the whole."""
        lengths = data.feature("length").with_row_index("at")
        characters = pl.col("characters")
        size = pl.len().over("task")
        group = pl.when(size >= LEAST_ROWS).then("task").otherwise(pl.lit(None))
        lengths = lengths.filter(characters > 0).with_columns(
            group.alias("task"), characters.log1p().alias("log")
        )
        middle = pl.col("log").median().over("task")
        lengths = lengths.with_columns(
            middle.alias("middle"), (pl.col("log") - middle).alias("off"), size.alias("rows")
        )
        off = pl.col("off")
        above, below = (
            off.filter(side).abs().median().over("task") for side in (off >= 0, off <= 0)
        )
        spread = (pl.when(off > 0).then(above).otherwise(below) * NORMAL).clip(LEAST_SPREAD)
        far = lengths.with_columns((pl.col("off") / spread).alias("z")).filter(
            (pl.col("z").abs() > LIMIT) & (pl.col("rows") >= LEAST_ROWS)
        )
        usual = pl.col("middle").exp().sub(1).round().cast(pl.Int64)
        detail = pl.format(
            "{} characters, where {} are usual ({} robust standard deviations)",
            characters,
            usual,
            pl.col("z").round(1),
        )
        score = (pl.col("z").abs() / (2 * LIMIT)).clip(upper_bound=1)
        quantiles = {
            name: lengths["characters"].quantile(at)
            for name, at in (
                ("p1", 0.01),
                ("p10", 0.1),
                ("p50", 0.5),
                ("p90", 0.9),
                ("p99", 0.99),
                ("longest", 1.0),
            )
        }
        return Conclusion(found(far, detail, field=None, score=score), {"characters": quantiles})
