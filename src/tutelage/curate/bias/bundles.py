"""Intervals of ratios over many rows, by drawing bundles of rows.

A bootstrap of a million rows would draw a thousand million numbers. Rows are dealt into at most
1,000 bundles instead, and the bundles are drawn: sums over bundles vary as sums over rows do, as
long as rows next to one another are dealt apart. The draws are `statistics.bootstrap`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tutelage.statistics.resampling import Measurement, bootstrap, percentile_interval

BUNDLES = 1000
RESAMPLES = 1000
CONFIDENCE = 0.95

Floats = npt.NDArray[np.float64]


class Estimate(NamedTuple):
    """A value with its bootstrap interval, and the standard deviation of the draws."""

    value: float
    low: float
    high: float
    deviation: float

    def rounded(self) -> dict[str, float | list[float]]:
        """For JSON."""
        return {
            "value": round(self.value, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
        }


def bundle(at: pl.Expr) -> pl.Expr:
    """The bundle of a row, by its place."""
    return (at % BUNDLES).cast(pl.UInt32)


def sums(table: pl.DataFrame, columns: Sequence[pl.Expr]) -> Floats:
    """(bundles, columns) sums over the rows of each bundle; `table` has the column `bundle`."""
    summed = table.group_by("bundle").agg(column.sum().cast(pl.Float64) for column in columns)
    return summed.sort("bundle").drop("bundle").to_numpy()


def ratio(totals: Floats) -> Floats:
    """First column over the second; 0 where there is nothing to divide by."""
    return _divided(totals[..., 0], totals[..., 1])


def gap(totals: Floats) -> Floats:
    """The ratio of the first two columns less that of the next two."""
    return ratio(totals) - ratio(totals[..., 2:])


def estimates(measurements: Sequence[Measurement], seed: int) -> list[Estimate]:
    """Values of measurements over the same bundles, with intervals."""
    if not measurements:
        return []
    draws = bootstrap(measurements, resamples=RESAMPLES, seed=seed)
    return [
        Estimate(
            measurement.value,
            *percentile_interval(draws[:, number], CONFIDENCE),
            float(draws[:, number].std()),
        )
        for number, measurement in enumerate(measurements)
    ]


def _divided(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)
