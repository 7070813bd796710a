"""How large a difference is, whatever its unit and however many items there are.

A p-value shrinks with the number of items; these do not. Cohen's h (1988) is for shares of right
items: a step from 50 to 55 % and one from 95 to 98 % are about alike (0.10 and 0.16). For means of
graded items there are Cohen's d_z (1988), the mean difference in standard deviations of the items'
differences, and Cliff's delta (1993) within pairs: the share of items on which tuned is ahead less
the share on which base is, which no outlier moves. Cohen calls h of 0.2, 0.5 and 0.8 small, medium
and large. Metrics that are no means over items (BLEU, F1 of classes) have none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tutelage.statistics.intervals import PairedShares, draws_interval, is_share
from tutelage.statistics.resampling import Floats, Interval, Measurement


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect size, tuned against base, with its interval."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class EffectDraws:
    """An effect size on all items, and its (resamples,) bootstrap values."""

    name: str
    value: float
    draws: Floats
    bounds: Interval | None


def effect_measurements(base: Measurement, tuned: Measurement) -> dict[str, Measurement]:
    """Effect sizes of two means over the same items, as functions of sums; else none."""
    if not (base.is_mean and tuned.is_mean):
        return {}
    one, other = base.statistics[:, 0], tuned.statistics[:, 0]
    ones = np.ones_like(one)
    if is_share(base) and is_share(tuned):
        counts = np.column_stack([one, other, ones])
        return {"cohens_h": Measurement(counts, _h, bounds=(-np.pi, np.pi))}
    # Sums of squares lose least about the mean.
    change = other - one
    middle = change.mean()
    moments = np.column_stack([change - middle, (change - middle) ** 2, ones])
    ahead = np.column_stack([np.sign(change), ones])
    return {
        "cohens_d": Measurement(moments, lambda sums: _d(sums, middle)),
        "cliffs_delta": Measurement(
            ahead, lambda sums: sums[..., 0] / sums[..., 1], bounds=(-1, 1)
        ),
    }


def effects_of(
    draws: Sequence[EffectDraws], shares: PairedShares | None, units: int, confidence: float
) -> dict[str, Effect]:
    """Effect sizes with their intervals, without those that have no value.

    Args:
        draws: of the effect sizes.
        shares: what was right, where both metrics are shares of items drawn singly.
        units: how many items, or clusters, were drawn.
        confidence: level of the intervals.
    """
    if shares:
        return {"cohens_h": Effect(shares.cohens_h, shares.cohens_h_interval(confidence))}
    found = {}
    for each in draws:
        defined = each.draws[~np.isnan(each.draws)]
        if not np.isnan(each.value) and len(defined):
            interval = draws_interval(defined, units, each.bounds, confidence)
            found[each.name] = Effect(each.value, interval)
    return found


def _h(sums: Floats) -> Floats:
    """Cohen's h from totals of base, of tuned, and the number of items."""
    angles = 2 * np.arcsin(np.sqrt(sums[..., :2] / sums[..., 2:]))
    difference: Floats = angles[..., 1] - angles[..., 0]
    return difference


def _d(sums: Floats, middle: float) -> Floats:
    """Cohen's d_z from sums of differences about `middle`; not a number where they do not vary."""
    count = sums[..., 2]
    mean = sums[..., 0] / count
    freedom = np.maximum(count - 1, 1)
    variance = np.maximum(sums[..., 1] - count * mean**2, 0) / freedom
    constant = np.full(np.shape(variance), np.nan)
    size: Floats = np.divide(mean + middle, np.sqrt(variance), out=constant, where=variance > 1e-18)
    return size
