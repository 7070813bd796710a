"""How small a difference a comparison can see: before the run, from the number of items.

The paired test sees a true difference δ with the power wanted if δ is so many standard errors away
from 0 as the test's level and the power need (Miller 2024, "Adding error bars to evals"). What has
to be known is how much the items' differences vary: their standard deviation for graded scores, and
for right and wrong the discordance, the share of items that only one of the two gets right. A
difference is found only if it outlives Holm's correction; the level is that of the smallest p-value
of the family, α over the number of tests, so that with several true differences power is more.

For graded scores the normal approximation is corrected for few items (Guenther 1981); for right and
wrong the power of the sign test, which is what swapping 0s and 1s comes to, is summed exactly. In
simulations of the permutation test itself 77 to 82 % were found where 80 % were promised
(benchmarks/RESULTS.md, "power").
"""

from __future__ import annotations

from functools import partial
from math import log, sqrt
from statistics import NormalDist

import numpy as np

from tutelage.statistics.resampling import Floats

POWER = 0.8
"""The chance to see the difference that is asked for, by Cohen's convention."""

EXACT_ITEMS = 2000
"""Beyond so many the normal approximation is used for shares too: there the two differ by 1.5 %."""


def detectable(
    items: int, deviation: float, *, confidence: float, tests: int = 1, power: float = POWER
) -> float | None:
    """The smallest difference of two means over the same items that is likely to be found.

    Args:
        items: how many there are; clusters, if items of one source are resampled together.
        deviation: standard deviation of the items' differences.
        confidence: one minus the level of the test.
        tests: hypotheses in the family that is corrected together.
        power: how likely.

    Returns:
        The difference, in the unit of `deviation`; None where so few items can show none.
    """
    level = _level_quantile(confidence, tests)
    effective = items - level**2 / 2
    if effective <= 0 or not _can_reject(items, confidence, tests):
        return None
    return (level + _quantile(power)) * deviation / sqrt(effective)


def detectable_share(
    items: int, discordance: float, *, confidence: float, tests: int = 1, power: float = POWER
) -> float | None:
    """The smallest difference of two shares of right items that is likely to be found.

    Args:
        items: how many there are.
        discordance: share of them that only one of the two gets right. A difference that is
            larger takes as much more.
        confidence: one minus the level of the test.
        tests: hypotheses in the family that is corrected together.
        power: how likely.

    Returns:
        The difference of the shares; None where so few items can show none.
    """
    level = (1 - confidence) / tests

    def found(difference: float) -> float:
        return sign_test_power(items, max(discordance, difference), difference, level)

    if found(1) < power:
        return None
    if items > EXACT_ITEMS:
        found_with = partial(detectable, items, confidence=confidence, tests=tests, power=power)
        difference = found_with(deviation=sqrt(discordance))
        least = found_with(deviation=1.0)
        if difference is None or least is None or 0 < difference <= discordance:
            return difference
        return least**2  # no more items differ than these, so that deviation**2 is the difference
    low, high = 0.0, 1.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if found(middle) < power else (low, middle)
    return high


def detectable_from_error(
    standard_error: float, *, confidence: float, tests: int = 1, power: float = POWER
) -> float | None:
    """The same from the standard error of a difference that was measured.

    Returns:
        The difference; None where nothing varied, and the error tells nothing.
    """
    if standard_error <= 0:
        return None
    return (_level_quantile(confidence, tests) + _quantile(power)) * standard_error


def sign_test_power(items: int, discordance: float, difference: float, level: float) -> float:
    """How often the two-sided exact sign test (McNemar's) finds a true difference of shares.

    Args:
        items: how many there are.
        discordance: share that only one of the two gets right.
        difference: of the shares of right items.
        level: of the test.
    """
    ahead = (discordance + difference) / (2 * discordance)
    total = 0.0
    for count, chance in enumerate(_binomial(items, discordance)):
        if chance < 1e-9:
            continue
        null = np.cumsum(_binomial(count, 0.5))
        # The most on the losing side for which the test, twice the smaller tail, rejects.
        most = int(np.searchsorted(2 * null, level, side="right"))
        wins = _binomial(count, ahead)
        total += chance * float(wins[:most].sum() + wins[count + 1 - most :].sum())
    return total


def _binomial(count: int, share: float) -> Floats:
    """(count + 1,) chances of each number of successes."""
    if share in (0, 1):
        certain = np.zeros(count + 1)
        certain[count * int(share)] = 1
        return certain
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    numbers = np.arange(count + 1)
    ways = factorials[-1] - factorials - factorials[::-1]
    chances: Floats = np.exp(ways + numbers * log(share) + (count - numbers) * log(1 - share))
    return chances


def _can_reject(items: int, confidence: float, tests: int) -> bool:
    """Whether the smallest p-value that so many swaps can give is below the level."""
    return 2.0 ** (1 - min(items, 60)) < (1 - confidence) / tests


def _level_quantile(confidence: float, tests: int) -> float:
    return _quantile(1 - (1 - confidence) / (2 * tests))


def _quantile(share: float) -> float:
    return NormalDist().inv_cdf(share)
