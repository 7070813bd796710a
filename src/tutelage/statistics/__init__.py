"""Intervals, paired tests, effect sizes, power and agreement: pure, seeded, vectorised.

Everything works on `Measurement`s, so that corpus-level metrics are resampled like means.
"""

from tutelage.statistics.agreement import (
    Agreement,
    agreement,
    cohen_kappa,
    fleiss_kappa,
    kappa_of_table,
    krippendorff_alpha,
)
from tutelage.statistics.correction import holm
from tutelage.statistics.effects import Effect
from tutelage.statistics.intervals import value_interval, wilson
from tutelage.statistics.paired import Comparison, PairedDraws, average, compare, paired_draws
from tutelage.statistics.power import detectable, detectable_from_error, detectable_share
from tutelage.statistics.resampling import (
    Interval,
    Measurement,
    Seed,
    bootstrap,
    percentile_interval,
)

__all__ = [
    "Agreement",
    "Comparison",
    "Effect",
    "Interval",
    "Measurement",
    "PairedDraws",
    "Seed",
    "agreement",
    "average",
    "bootstrap",
    "cohen_kappa",
    "compare",
    "detectable",
    "detectable_from_error",
    "detectable_share",
    "fleiss_kappa",
    "holm",
    "kappa_of_table",
    "krippendorff_alpha",
    "paired_draws",
    "percentile_interval",
    "value_interval",
    "wilson",
]
