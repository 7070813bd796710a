"""Intervals, paired tests and corrections for many tests: pure, seeded, vectorised.

Everything works on `Measurement`s, so that corpus-level metrics are resampled like means.
"""

from tutelage.statistics.correction import holm
from tutelage.statistics.paired import Comparison, PairedDraws, average, compare, paired_draws
from tutelage.statistics.resampling import (
    Interval,
    Measurement,
    Seed,
    bootstrap,
    percentile_interval,
)

__all__ = [
    "Comparison",
    "Interval",
    "Measurement",
    "PairedDraws",
    "Seed",
    "average",
    "bootstrap",
    "compare",
    "holm",
    "paired_draws",
    "percentile_interval",
]
