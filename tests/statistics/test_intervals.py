"""Intervals of shares equal published examples, and are wide where all items agree."""

import numpy as np
import pytest

from tutelage.statistics import (
    Measurement,
    average,
    bootstrap,
    compare,
    paired_draws,
    value_interval,
    wilson,
)
from tutelage.statistics.intervals import PairedShares

SETTINGS = {"confidence": 0.95, "resamples": 400, "seed": 0}


def mean_of(values, bounds=None):
    values = np.asarray(values, float)
    return Measurement(
        np.stack([values, np.ones_like(values)], axis=1),
        lambda sums: sums[..., 0] / sums[..., 1],
        bounds,
    )


def of_table(both, base, tuned, neither):
    """0/1 items of two systems from their counts."""
    pairs = [(1, 1)] * both + [(1, 0)] * base + [(0, 1)] * tuned + [(0, 0)] * neither
    one, other = zip(*pairs, strict=True)
    return mean_of(one), mean_of(other)


def interval_of(measurement):
    draws = bootstrap([measurement], resamples=400, seed=0)[:, 0]
    return value_interval(measurement, draws, 0.95)


@pytest.mark.parametrize(
    ("right", "items", "expected"),
    [  # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_equals_newcombes_examples(right, items, expected):
    assert wilson(right, items, 0.95) == pytest.approx(expected, abs=5e-5)
    turned = wilson(items - right, items, 0.95)
    assert turned == pytest.approx((1 - expected[1], 1 - expected[0]), abs=5e-5)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        # Fagerland, Lydersen and Laake (2014): airway hyper-responsiveness, before less after.
        ((1, 1, 7, 12), (-0.507, -0.026)),
        # Newcombe, Statistics in Medicine 17 (1998) 2635-2650: 36, 12, 2, 0.
        ((36, 12, 2, 0), (0.0569, 0.3404)),
    ],
)
def test_the_paired_difference_equals_published_examples(table, expected):
    low, high = PairedShares(*table).difference(0.95)  # ours is after less before
    assert (-high, -low) == pytest.approx(expected, abs=6e-5 if table[0] > 1 else 6e-4)


def test_none_right_of_twenty_is_not_certainly_none():
    none = mean_of([0] * 20)
    assert interval_of(none) == pytest.approx((0, 0.1611), abs=5e-5)
    assert interval_of(mean_of([1] * 20)) == pytest.approx((0.8389, 1), abs=5e-5)
    found = compare([none], [none], **SETTINGS)[0]
    assert found.base_interval == found.tuned_interval == interval_of(none)
    assert found.interval == pytest.approx((-0.1611, 0.1611), abs=5e-5)
    assert (found.difference, found.p_value) == (0, 1)


def test_graded_items_that_agree_leave_room_too():
    silent = mean_of([0.0] * 20, bounds=(0, 1))
    half = mean_of([0.5] * 20, bounds=(0, 1))
    assert interval_of(half) == pytest.approx((0.5 - 0.1611 / 2, 0.5 + 0.1611 / 2), abs=5e-5)
    found = compare([silent], [half], **SETTINGS)[0]
    low, high = found.interval
    assert low == pytest.approx(0.5 - 1.5 * 0.1611, abs=1e-4)
    assert high == pytest.approx(0.5 + 0.5 * 0.1611, abs=1e-4)
    # Without a range there is nothing to say.
    assert interval_of(mean_of([0.5] * 20)) == (0.5, 0.5)


def test_clusters_that_agree_count_as_one_item_each():
    source = np.repeat(np.arange(10), 20).tolist()
    none = mean_of([0] * 200)
    found = compare([none], [none], clusters=source, **SETTINGS)[0]
    assert found.tuned_interval == pytest.approx(wilson(0, 10, 0.95))
    assert found.interval[1] == pytest.approx(wilson(0, 10, 0.95)[1])
    draws = bootstrap([none], resamples=50, seed=0, clusters=source)[:, 0]
    assert value_interval(none, draws, 0.95, source) == found.tuned_interval


def test_clusters_of_right_and_wrong_have_the_percentile_interval():
    source = np.repeat(np.arange(10), 5).tolist()
    values = mean_of((np.repeat(np.arange(10), 5) < 4).astype(float))
    draws = bootstrap([values], resamples=500, seed=0, clusters=source)[:, 0]
    found = value_interval(values, draws, 0.95, source)
    assert found == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))
    assert np.ptp(found) > 1.5 * np.ptp(wilson(20, 50, 0.95))


def test_graded_items_keep_the_percentile_interval():
    values = np.random.default_rng(0).random(30)
    draws = bootstrap([mean_of(values, (0, 1))], resamples=500, seed=1)[:, 0]
    found = value_interval(mean_of(values, (0, 1)), draws, 0.9)
    assert found == pytest.approx(tuple(np.quantile(draws, [0.05, 0.95])))


def test_a_ratio_is_no_share():
    statistics = np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 1.0]])
    ratio = Measurement(statistics, lambda sums: sums[..., 0] / sums[..., 1])
    root = Measurement(
        np.array([[1.0, 1.0], [0.0, 1.0]]), lambda sums: np.sqrt(sums[..., 0] / sums[..., 1])
    )
    assert not ratio.is_mean and not root.is_mean
    assert mean_of([0, 1, 1]).is_mean


def test_the_mean_of_tasks_adds_their_room():
    none = mean_of([0] * 20)
    draws = paired_draws([none], [none], resamples=400, seed=0)[0]
    one, four = draws.summary(0.95), average([draws] * 4).summary(0.95)
    assert four.interval == pytest.approx((one.interval[0] / 2, one.interval[1] / 2))
    assert four.tuned_interval == pytest.approx((0, one.tuned_interval[1] / 2))
    turned = average([draws.rescaled(-1, 1)] * 4).summary(0.95)
    assert turned.base_interval == pytest.approx((1 - four.base_interval[1], 1))
    assert turned.interval == pytest.approx((-four.interval[1], -four.interval[0]))


def test_the_mean_of_graded_tasks_is_as_wide_as_their_bootstrap():
    generator = np.random.default_rng(4)
    draws = [
        paired_draws(
            *([mean_of(row)] for row in generator.random((2, 50))), resamples=4000, seed=seed
        )[0]
        for seed in range(5)
    ]
    mean = average(draws)
    percentiles = np.quantile(mean.tuned_draws - mean.base_draws, [0.025, 0.975])
    assert mean.summary(0.95).interval == pytest.approx(percentiles, abs=0.01)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_shares_of_24_items_are_covered_on_average(rate):
    """The chance of every outcome, times whether its interval holds the truth."""
    ways = np.cumprod([1.0, *((24 - k) / (k + 1) for k in range(24))])
    chances = ways * rate ** np.arange(25) * (1 - rate) ** (24 - np.arange(25))
    held = [low <= rate <= high for low, high in (wilson(k, 24, 0.95) for k in range(25))]
    assert (chances * held).sum() >= 0.91


def simulated_coverage(shares, items, repeats):
    """How often Newcombe's interval holds the true difference; shares of both, base, tuned."""
    generator, covered = np.random.default_rng(items), 0
    truth = shares[2] - shares[1]
    for table in generator.multinomial(items, [*shares, 1 - sum(shares)], repeats).tolist():
        low, high = PairedShares(*table).difference(0.95)
        covered += low <= truth <= high
    return covered / repeats


@pytest.mark.parametrize("shares", [(0.3, 0.05, 0.2), (0.0, 0.02, 0.05), (0.9, 0.02, 0.02)])
@pytest.mark.parametrize("items", [20, 100])
def test_differences_of_shares_are_covered(shares, items):
    assert simulated_coverage(shares, items, 2000) >= 0.93
