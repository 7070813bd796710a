"""Effect sizes equal their definitions, and their intervals cover."""

import math

import numpy as np
import pytest

from tutelage.statistics import Measurement, compare

SETTINGS = {"confidence": 0.95, "resamples": 1000, "seed": 0}


def mean_of(values):
    values = np.asarray(values, float)
    return Measurement(
        np.stack([values, np.ones_like(values)], axis=1), lambda sums: sums[..., 0] / sums[..., 1]
    )


def effects(one, other, **more):
    return compare([mean_of(one)], [mean_of(other)], **SETTINGS, **more)[0].effects


def test_graded_items_have_cohens_d_and_cliffs_delta():
    generator = np.random.default_rng(0)
    one = generator.random(50)
    other = np.where(generator.random(50) < 0.3, one, one + generator.normal(0.1, 0.2, 50))
    found = effects(one, other)
    change = other - one
    assert set(found) == {"cohens_d", "cliffs_delta"}
    assert found["cohens_d"].value == pytest.approx(change.mean() / change.std(ddof=1))
    ahead, behind = (change > 0).mean(), (change < 0).mean()
    assert found["cliffs_delta"].value == pytest.approx(ahead - behind)
    for each in found.values():
        low, high = each.interval
        assert low < each.value < high


def test_shares_have_cohens_h():
    # Cohen (1988), table 6.2.2: shares of 0.95 and 0.40 have phi 2.691 and 1.369.
    found = effects([1] * 8 + [0] * 12, [1] * 19 + [0])
    assert set(found) == {"cohens_h"}
    assert found["cohens_h"].value == pytest.approx(2.691 - 1.369, abs=1.5e-3)
    low, high = found["cohens_h"].interval
    assert 0.5 < low < found["cohens_h"].value < high < 2.2


def test_effects_know_no_unit_and_turn_with_the_sides():
    generator = np.random.default_rng(1)
    one, other = generator.random((2, 40))
    found, larger, turned = (
        effects(one, other),
        effects(100 * one, 100 * other),
        effects(other, one),
    )
    for name, effect in found.items():
        assert larger[name].value == pytest.approx(effect.value)
        assert larger[name].interval == pytest.approx(effect.interval)
        assert turned[name].value == pytest.approx(-effect.value)


def test_what_does_not_vary_has_no_d():
    assert "cohens_d" not in effects([0.2, 0.3, 0.4], [0.2, 0.3, 0.4])
    ties = effects([0.2] * 20, [0.2] * 20)["cliffs_delta"]
    assert ties.value == 0
    assert ties.interval == pytest.approx((-0.1611, 0.1611), abs=1e-4)


def test_metrics_that_are_no_means_have_none():
    generator = np.random.default_rng(2)
    counts = [
        Measurement(
            generator.integers(1, 5, (20, 2)).astype(float), lambda s: s[..., 0] / s[..., 1]
        )
        for _ in range(2)
    ]
    assert compare(counts[:1], counts[1:], **SETTINGS)[0].effects == {}


def test_intervals_of_d_cover_and_h_of_clusters_is_wider():
    generator, covered = np.random.default_rng(3), 0
    for _ in range(200):
        change = generator.normal(0.5, 1, 60)
        low, high = effects(np.zeros(60), change)["cohens_d"].interval
        covered += low <= 0.5 <= high
    assert 0.89 <= covered / 200 <= 0.99

    sources = np.repeat(np.arange(20), 6)
    one, other = (generator.random(20) < 0.5)[sources], (generator.random(20) < 0.7)[sources]
    blind = effects(one, other)["cohens_h"]
    aware = effects(one, other, clusters=sources.tolist())["cohens_h"]
    assert aware.value == pytest.approx(blind.value)
    assert np.ptp(aware.interval) > 1.5 * np.ptp(blind.interval)
    assert not math.isnan(aware.interval[0])
