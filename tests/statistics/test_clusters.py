"""Items of one source are resampled together, and their errors are the textbook's."""

import itertools

import numpy as np
import pytest

from tutelage.statistics import Measurement, bootstrap, compare, paired_draws, percentile_interval


def mean_of(values):
    values = np.asarray(values, float)
    return Measurement(
        np.stack([values, np.ones_like(values)], axis=1), lambda sums: sums[..., 0] / sums[..., 1]
    )


def clustered(generator, sources, each, within=1.0, between=1.0):
    """Values of items, and the source of each: a part of a value is its source's."""
    sizes = generator.integers(1, 2 * each, sources)
    source = np.repeat(np.arange(sources), sizes)
    common = generator.normal(0, between, sources)[source]
    return common + generator.normal(0, within, len(source)), source.tolist()


def robust_error(values, source):
    """Cluster-robust standard error of a mean, without small-sample factors (Liang, Zeger 1986)."""
    values, source = np.asarray(values), np.asarray(source)
    residuals = values - values.mean()
    sums = [residuals[source == each].sum() for each in np.unique(source)]
    return np.sqrt(np.square(sums).sum()) / len(values)


def test_items_that_are_clusters_of_their_own_change_nothing():
    generator = np.random.default_rng(0)
    one, other = generator.random((2, 30))
    settings = {"confidence": 0.95, "resamples": 300, "seed": 4}
    alone = compare([mean_of(one)], [mean_of(other)], **settings)
    names = [f"item {number}" for number in range(30)]
    assert compare([mean_of(one)], [mean_of(other)], clusters=names, **settings) == alone


def test_clusters_may_come_in_any_order():
    values, source = clustered(np.random.default_rng(1), 20, 4)
    # The first item of every source, then every second one, and so on.
    dealt = sorted(range(len(source)), key=lambda at: (at - source.index(source[at]), source[at]))
    settings = {"resamples": 50, "seed": 0}
    together = bootstrap([mean_of(values)], clusters=source, **settings)
    apart = bootstrap([mean_of(values[dealt])], clusters=[source[at] for at in dealt], **settings)
    np.testing.assert_allclose(together, apart)


@pytest.mark.parametrize("between", [0.0, 0.5, 2.0])
def test_the_spread_is_the_cluster_robust_error(between):
    values, source = clustered(np.random.default_rng(2), 150, 5, between=between)
    draws = bootstrap([mean_of(values)], resamples=6000, seed=0, clusters=source)[:, 0]
    assert draws.std() == pytest.approx(robust_error(values, source), rel=0.04)


def test_the_error_of_a_difference_is_the_cluster_robust_error():
    generator = np.random.default_rng(3)
    one, source = clustered(generator, 120, 4)
    other = one + generator.normal(0.1, 0.5, 120)[source]
    found = compare(
        *([mean_of(one)], [mean_of(other)]),
        confidence=0.95,
        resamples=6000,
        seed=0,
        clusters=source,
    )[0]
    assert found.standard_error == pytest.approx(robust_error(other - one, source), rel=0.04)
    low, high = found.interval
    assert (high - low) / 3.92 == pytest.approx(found.standard_error, rel=0.06)


def test_the_test_swaps_whole_clusters():
    # Exact enumeration over the swaps of 6 sources, not of 13 items.
    source = [0, 0, 0, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5]
    change = np.random.default_rng(5).normal(0.7, 1, len(source))
    sums = np.bincount(source, change)
    signs = np.array(list(itertools.product([1, -1], repeat=6)))
    exact = np.mean(np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9)
    draws = paired_draws(
        *([mean_of(np.zeros(len(source)))], [mean_of(change)]),
        resamples=20_000,
        seed=0,
        clusters=source,
    )[0]
    assert draws.p_value == pytest.approx(exact, abs=0.012)


def test_a_copied_item_is_no_new_evidence():
    generator = np.random.default_rng(6)
    one, other = generator.random((2, 25))
    settings = {"confidence": 0.95, "resamples": 2000, "seed": 0}
    once = compare([mean_of(one)], [mean_of(other)], **settings)[0]
    copies = [mean_of(np.repeat(one, 8))], [mean_of(np.repeat(other, 8))]
    ten = compare(*copies, clusters=np.repeat(np.arange(25), 8).tolist(), **settings)[0]
    blind = compare(*copies, **settings)[0]
    assert ten.interval == pytest.approx(once.interval)
    assert ten.p_value == once.p_value
    assert np.ptp(blind.interval) < 0.5 * np.ptp(ten.interval)


def test_clusters_of_other_items_are_refused():
    with pytest.raises(ValueError, match="2 clusters are given for 3 items"):
        bootstrap([mean_of([1, 2, 3])], resamples=10, seed=0, clusters=["a", "b"])


def coverage(sources, each, repeats, *, aware):
    """How often the 95 % interval of a mean holds the truth, 0."""
    generator, covered = np.random.default_rng(sources), 0
    for seed in range(repeats):
        values, source = clustered(generator, sources, each)
        draws = bootstrap(
            [mean_of(values)], resamples=1000, seed=seed, clusters=source if aware else None
        )
        low, high = percentile_interval(draws[:, 0], 0.95)
        covered += low <= 0 <= high
    return covered / repeats


def test_intervals_that_know_the_sources_cover():
    assert coverage(60, 4, 150, aware=True) >= 0.88
    assert coverage(60, 4, 150, aware=False) <= 0.85


def alarms(*, aware):
    """Significant differences in 100 comparisons of a model with itself, at 95 %.

    Both sets of answers are drawn from the same model, but a source sways all of its items alike.
    """
    count = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        source = np.repeat(np.arange(15), 6)
        one, other = generator.normal(0, 1, (2, 15))[:, source] + generator.normal(0, 1, (2, 90))
        found = compare(
            *([mean_of(one)], [mean_of(other)]),
            confidence=0.95,
            resamples=400,
            seed=seed,
            clusters=source.tolist() if aware else None,
        )[0]
        count += found.p_value < 0.05
    return count


def test_a_model_is_rarely_called_different_from_itself():
    assert alarms(aware=True) <= 10
    assert alarms(aware=False) >= 20


@pytest.mark.slow
@pytest.mark.parametrize(("sources", "least"), [(20, 0.89), (50, 0.92), (150, 0.93)])
def test_coverage_by_the_number_of_sources(sources, least):
    assert least <= coverage(sources, 4, 2000, aware=True) <= 0.965
