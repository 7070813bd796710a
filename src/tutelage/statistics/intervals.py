"""Intervals that stay honest where all items agree, and where few were asked.

The percentile bootstrap cannot draw what was not seen: 0 right of 20 has the interval 0 to 0, and
at 24 items a nominal 95 % covers 92-94 %. Bowyer, Aitchison and Ivanova (2025, "Don't use the CLT
in LLM evals") find the same of every method that rests on the observed variance, and recommend
Wilson's or Clopper and Pearson's interval, or a Bayesian one. So:

- a share of right items has Wilson's score interval (1927), whose coverage is close to nominal on
  average where Clopper and Pearson's is wider than promised (Brown, Cai and DasGupta 2001);
- the difference of two shares of the same items has Newcombe's method 10 (1998), which squares and
  adds the Wilson limits and takes the correlation of the two into account;
- any other metric whose resamples are all the same is given the room that unseen items leave: 0 of
  n items had another value, so by Wilson up to u = z² / (n + z²) of all may, and those could lie
  at either end of the metric's range. For a share of 0 or 1 this is Wilson's interval; it holds
  for any mean of bounded items, and is an approximation for F1 and its like;
- all else has the percentile interval.

Means over independent groups add the distances of their parts' limits in squares (Zou and Donner
2008), which is how Newcombe's interval is made as well.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import asin, hypot, sqrt
from statistics import NormalDist

import numpy as np

from tutelage.statistics.resampling import Floats, Interval, Measurement, percentile_interval


def wilson(right: float, items: float, confidence: float) -> Interval:
    """Wilson's score interval of the share `right / items`."""
    squared = normal_quantile(confidence) ** 2
    middle = (right + squared / 2) / (items + squared)
    spread = right * (items - right) / items + squared / 4
    half = sqrt(squared * spread) / (items + squared)
    # At the ends the limits are 0 and 1 but for rounding.
    return max(0.0, middle - half) if right else 0.0, min(
        1.0, middle + half
    ) if right < items else 1.0


def normal_quantile(confidence: float) -> float:
    """How many standard deviations about the mean hold that share of a normal distribution."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


@dataclass(frozen=True, slots=True)
class PairedShares:
    """How many items two systems got right together and alone.

    Attributes:
        both: items that both got right.
        base: only the base system.
        tuned: only the tuned system.
        neither: neither.
    """

    both: int
    base: int
    tuned: int
    neither: int

    @classmethod
    def of(cls, base: Measurement, tuned: Measurement) -> PairedShares | None:
        """The counts, if both are shares of right items."""
        if not (is_share(base) and is_share(tuned)):
            return None
        first, second = base.statistics[:, 0], tuned.statistics[:, 0]
        both = int((first * second).sum())
        one, other = int(first.sum()) - both, int(second.sum()) - both
        return cls(both, one, other, len(first) - both - one - other)

    @property
    def items(self) -> int:
        """How many items there are."""
        return self.both + self.base + self.tuned + self.neither

    def turned(self) -> PairedShares:
        """The same of what was wrong in place of what was right."""
        return PairedShares(self.neither, self.tuned, self.base, self.both)

    def values(self, confidence: float) -> tuple[Interval, Interval]:
        """Intervals of the two shares."""
        base, tuned = self.both + self.base, self.both + self.tuned
        return wilson(base, self.items, confidence), wilson(tuned, self.items, confidence)

    def difference(self, confidence: float) -> Interval:
        """Newcombe's interval of tuned minus base."""
        base, tuned = (self.both + self.base) / self.items, (self.both + self.tuned) / self.items
        base_interval, tuned_interval = self.values(confidence)
        return square_and_add(
            (base, base_interval), (tuned, tuned_interval), correlation=self.correlation
        )

    @property
    def cohens_h(self) -> float:
        """Cohen's h (1988), tuned minus base: the difference on the scale 2 arcsin(√share)."""
        base, tuned = self.both + self.base, self.both + self.tuned
        return _angle(tuned / self.items) - _angle(base / self.items)

    def cohens_h_interval(self, confidence: float) -> Interval:
        """The interval of h: Wilson's limits on h's scale, squared and added."""
        base, tuned = (self.both + self.base) / self.items, (self.both + self.tuned) / self.items
        one, other = (
            (_angle(share), (_angle(low), _angle(high)))
            for share, (low, high) in zip((base, tuned), self.values(confidence), strict=True)
        )
        return square_and_add(one, other, correlation=self.correlation)

    @property
    def correlation(self) -> float:
        """Phi, corrected for continuity as Newcombe has it; 0 where a margin is empty."""
        margins = (
            (self.both + self.base)
            * (self.tuned + self.neither)
            * (self.both + self.tuned)
            * (self.base + self.neither)
        )
        if not margins:
            return 0.0
        excess = self.both * self.neither - self.base * self.tuned
        corrected = max(excess - self.items / 2, 0) if excess > 0 else excess
        return corrected / sqrt(margins)


def square_and_add(
    base: tuple[float, Interval], tuned: tuple[float, Interval], *, correlation: float
) -> Interval:
    """The interval of tuned minus base from the value and the interval of each."""
    (one, (one_low, one_high)), (other, (other_low, other_high)) = base, tuned
    difference = other - one

    def distance(first: float, second: float) -> float:
        squared = first**2 - 2 * correlation * first * second + second**2
        return sqrt(max(squared, 0.0))

    return (
        difference - distance(other - other_low, one_high - one),
        difference + distance(other_high - other, one - one_low),
    )


def mean_interval(values: Sequence[float], intervals: Sequence[Interval]) -> Interval:
    """The interval of the mean of independent values."""
    count, mean = len(values), float(np.mean(values))
    pairs = list(zip(values, intervals, strict=True))
    below = hypot(*(value - low for value, (low, _) in pairs)) / count
    above = hypot(*(high - value for value, (_, high) in pairs)) / count
    return mean - below, mean + above


def is_share(measurement: Measurement) -> bool:
    """Whether it is the mean of items that are each 0 or 1, and weigh the same."""
    statistics = measurement.statistics
    if not measurement.is_mean:
        return False
    return bool(np.isin(statistics[:, 0], (0, 1)).all())


def value_interval(
    measurement: Measurement,
    draws: Floats,
    confidence: float,
    clusters: Sequence[Hashable] | None = None,
) -> Interval:
    """The interval of one metric.

    Args:
        measurement: on all items.
        draws: (resamples,) its bootstrap values.
        confidence: level of the interval.
        clusters: the source of each item, if the draws are of sources.
    """
    share, items = is_share(measurement), len(measurement.statistics)
    if share and clusters is None:
        return wilson(float(measurement.statistics[:, 0].sum()), items, confidence)
    units = items if clusters is None else len(set(clusters))
    return draws_interval(draws, units, (0, 1) if share else measurement.bounds, confidence)


def draws_interval(
    draws: Floats, units: int, bounds: Interval | None, confidence: float
) -> Interval:
    """The percentile interval, or the room that unseen items leave where all draws are the same.

    Args:
        draws: (resamples,) bootstrap values.
        units: how many items, or clusters, were resampled.
        bounds: the least and the greatest value; None if there are none.
        confidence: level of the interval.
    """
    low, high = percentile_interval(draws, confidence)
    if bounds is None or np.ptp(draws) > 1e-12 * max(1.0, abs(low)):
        return low, high
    other = wilson(0, units, confidence)[1]
    least, greatest = min(bounds[0], low), max(bounds[1], high)
    return low - (low - least) * other, high + (greatest - high) * other


def _angle(share: float) -> float:
    return 2 * asin(sqrt(share))
