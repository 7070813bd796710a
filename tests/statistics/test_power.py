"""The effect that is called detectable is found about four times in five."""

import math

import numpy as np
import pytest

from tutelage.statistics import (
    Measurement,
    detectable,
    detectable_from_error,
    detectable_share,
    paired_draws,
)
from tutelage.statistics.power import sign_test_power


def mean_of(values):
    return Measurement(
        np.stack([values, np.ones_like(values)], axis=1), lambda sums: sums[..., 0] / sums[..., 1]
    )


def graded(generator, items, difference, deviation):
    return generator.normal(difference, deviation, items)


def right_or_wrong(generator, items, difference, discordance):
    """+1 where only tuned is right, -1 where only base is, 0 where both or neither."""
    drawn, share = generator.random(items), max(discordance, difference)
    ahead = drawn < (share + difference) / 2
    return np.where(ahead, 1.0, np.where(drawn < share, -1.0, 0.0))


def found(draw, size, items, tests, repeats, resamples):
    """How often the permutation test finds the effect, at the level of a family."""
    compute = detectable if draw is graded else detectable_share
    difference = compute(items, size, confidence=0.95, tests=tests)
    generator, count = np.random.default_rng(items + tests), 0
    for seed in range(repeats):
        change = draw(generator, items, difference, size)
        one, other = mean_of(np.zeros(items)), mean_of(change)
        p_value = paired_draws([one], [other], resamples=resamples, seed=seed)[0].p_value
        count += p_value < 0.05 / tests
    return count / repeats


CASES = [(graded, 0.25), (right_or_wrong, 0.25), (right_or_wrong, 0.1)]


@pytest.mark.parametrize(("draw", "size"), CASES)
def test_four_of_five_are_found(draw, size):
    # 400 repeats have a standard error of 0.02.
    assert 0.74 <= found(draw, size, items=60, tests=1, repeats=400, resamples=400) <= 0.86


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "size"), CASES)
@pytest.mark.parametrize(("items", "tests"), [(24, 1), (60, 1), (60, 8), (200, 1), (200, 8)])
def test_four_of_five_are_found_whatever_the_items_and_tests(draw, size, items, tests):
    # 3,000 repeats have a standard error of 0.007.
    share = found(draw, size, items, tests, repeats=3000, resamples=1000 if tests == 1 else 3000)
    assert 0.765 <= share <= 0.835


def test_the_exact_power_equals_every_outcome_counted():
    items, discordance, difference = 6, 0.5, 0.3
    power = 0.0
    for ahead in range(items + 1):
        for behind in range(items + 1 - ahead):
            ties = items - ahead - behind
            ways = math.factorial(items) / math.prod(map(math.factorial, (ahead, behind, ties)))
            chance = ways * 0.4**ahead * 0.1**behind * 0.5**ties
            smaller, count = min(ahead, behind), ahead + behind
            tail = sum(math.comb(count, lost) for lost in range(smaller + 1)) / 2**count
            power += chance * (2 * tail <= 0.2)
    assert sign_test_power(items, discordance, difference, 0.2) == pytest.approx(power, abs=1e-8)


def test_at_no_difference_the_power_is_at_most_the_level():
    for items in (20, 100):
        assert 0.01 < sign_test_power(items, 0.3, 0, 0.05) <= 0.05


def test_more_items_show_less_and_more_tests_hide_more():
    for compute in (detectable, detectable_share):
        sizes = [compute(items, 0.25, confidence=0.95) for items in (20, 80, 320, 1280)]
        assert sizes == sorted(sizes, reverse=True)
        assert compute(80, 0.25, confidence=0.95, tests=10) > sizes[1]
    four = detectable(200, 0.2, confidence=0.95)
    assert four == pytest.approx(0.04, abs=0.0005)  # "with 200 items you can see 4 points"


def test_too_few_items_show_nothing():
    # Of 2^5 swaps of five items two are as extreme as the outcome: p is at least 1/16.
    assert detectable(5, 0.25, confidence=0.95) is None
    assert detectable_share(5, 0.25, confidence=0.95) is None
    assert detectable_share(8, 0.25, confidence=0.95, tests=20) is None


def test_a_measured_error_gives_the_same():
    from_items = detectable(400, 0.25, confidence=0.95, tests=3)
    from_error = detectable_from_error(0.25 / 20, confidence=0.95, tests=3)
    assert from_error == pytest.approx(from_items, rel=0.01)
    assert detectable_from_error(0, confidence=0.95) is None


@pytest.mark.parametrize("discordance", [0.0, 0.001, 0.002])
def test_a_difference_is_found_among_items_that_differ(discordance):
    # Exactly, and approximately beyond 2,000 items: no more of them differ than by it.
    exact = detectable_share(2000, discordance, confidence=0.95)
    near = detectable_share(2001, discordance, confidence=0.95)
    assert exact > discordance
    assert near == pytest.approx(exact, rel=0.35)


def test_both_ways_agree_where_one_takes_over():
    assert detectable_share(2000, 0.25, confidence=0.95) == pytest.approx(
        detectable_share(2001, 0.25, confidence=0.95), rel=0.02
    )
