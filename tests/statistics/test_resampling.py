"""Intervals cover, tests are exact, and the vectorised way equals the loop."""

import itertools
import random

import numpy as np
import pytest

from tutelage.metrics import METRICS
from tutelage.statistics import (
    Measurement,
    average,
    bootstrap,
    compare,
    holm,
    paired_draws,
    percentile_interval,
)


def mean_of(values):
    """A plain mean, with its statistics written out."""
    values = np.asarray(values, float)
    return Measurement(
        np.stack([values, np.ones_like(values)], axis=1), lambda sums: sums[..., 0] / sums[..., 1]
    )


def macro_f1(seed, items=40):
    generator = random.Random(seed)
    metric = METRICS.get("classification_f1")
    truth = random.Random(0).choices("abc", k=items)
    answers = [label if generator.random() < 0.6 else generator.choice("abcx") for label in truth]
    scores = metric.score(answers, [[label] for label in truth])
    return Measurement(scores.statistics, metric.aggregate)


def test_bootstrap_equals_rescoring_each_resample():
    metric = METRICS.get("bleu")
    words = random.Random(1)
    references = [" ".join(words.choices("abcdefgh", k=9)) for _ in range(12)]
    predictions = [text[: len(text) - 4] + " z z" for text in references]
    scores = metric.score(predictions, [[text] for text in references])
    generator = np.random.default_rng(5)
    drawn = [generator.integers(0, 12, 12) for _ in range(20)]

    draws = bootstrap([Measurement(scores.statistics, metric.aggregate)], resamples=20, seed=5)

    for row, items in zip(draws[:, 0], drawn, strict=True):
        again = metric.score([predictions[i] for i in items], [[references[i]] for i in items])
        assert row == float(metric.aggregate(again.statistics.sum(axis=0)))


def test_metrics_share_their_resamples():
    values = np.random.default_rng(0).random(30)
    draws = bootstrap([mean_of(values), mean_of(2 * values)], resamples=200, seed=0)
    np.testing.assert_allclose(draws[:, 1], 2 * draws[:, 0])


def test_draws_depend_on_the_seed_alone():
    one, other = macro_f1(1), macro_f1(2)
    settings = {"confidence": 0.95, "resamples": 300, "seed": 7}
    assert compare([one], [other], **settings) == compare([one], [other], **settings)
    together = compare([one, one], [other, other], **settings)
    assert together[0] == together[1] == compare([one], [other], **settings)[0]


def test_blocks_do_not_change_the_result(monkeypatch):
    one, other = macro_f1(1), macro_f1(2)
    settings = {"confidence": 0.95, "resamples": 101, "seed": 0}
    whole = compare([one], [other], **settings)[0]
    monkeypatch.setattr("tutelage.statistics.resampling.DRAW_WEIGHTS", 7 * 40)
    pieces = compare([one], [other], **settings)[0]
    assert pieces.interval == whole.interval


@pytest.mark.parametrize("rate", [0.3, 0.6])
def test_interval_covers_the_truth(rate):
    generator = np.random.default_rng(3)
    covered = 0
    for seed in range(400):
        draws = bootstrap([mean_of(generator.random(60) < rate)], resamples=600, seed=seed)
        low, high = percentile_interval(draws[:, 0], 0.95)
        covered += low <= rate <= high
    assert 0.915 <= covered / 400 <= 0.98


def test_no_difference_is_rarely_significant_and_a_large_one_is():
    generator = np.random.default_rng(4)
    false_positives = 0
    for seed in range(200):
        one, other = generator.normal(0, 1, (2, 40))
        result = compare(
            [mean_of(one)], [mean_of(other)], confidence=0.95, resamples=500, seed=seed
        )
        false_positives += result[0].p_value < 0.05
    assert false_positives <= 20
    better = compare([mean_of(one)], [mean_of(one + 1)], confidence=0.95, resamples=500, seed=0)[0]
    assert better.p_value == 1 / 501
    assert better.interval == pytest.approx((1, 1))
    assert better.difference == pytest.approx(1)


def exact_p_value(base, tuned):
    """Every way to swap, not a sample of them."""
    observed = abs(tuned.value - base.value)
    differences = []
    for swaps in itertools.product([0.0, 1.0], repeat=len(base.statistics)):
        moved = np.array(swaps) @ (tuned.statistics - base.statistics)
        after = tuned.aggregate(tuned.statistics.sum(axis=0) - moved)
        differences.append(after - base.aggregate(base.statistics.sum(axis=0) + moved))
    return np.mean(np.abs(differences) >= observed - 1e-9)


@pytest.mark.parametrize(
    ("base", "tuned"),
    [
        (mean_of([0, 0, 1, 0, 0, 1, 0, 0]), mean_of([1, 1, 1, 0, 1, 1, 1, 0])),
        (mean_of([0.1, 0.5, 0.3, 0.9]), mean_of([0.2, 0.4, 0.6, 0.8])),
        (macro_f1(1, items=10), macro_f1(9, items=10)),
    ],
)
def test_p_value_agrees_with_exact_enumeration(base, tuned):
    draws = paired_draws([base], [tuned], resamples=20_000, seed=0)[0]
    assert draws.p_value == pytest.approx(exact_p_value(base, tuned), abs=0.012)


def test_equal_systems_have_p_one():
    same = macro_f1(3)
    result = compare([same], [same], confidence=0.95, resamples=100, seed=0)[0]
    assert (result.difference, result.p_value, result.interval) == (0, 1, (0, 0))


def test_average_over_tasks_weighs_tasks_equally():
    small = paired_draws([mean_of([0, 0])], [mean_of([1, 1])], resamples=100, seed=[0, 1])[0]
    large = paired_draws([mean_of([1] * 50)], [mean_of([1] * 50)], resamples=100, seed=[0, 2])[0]
    mean = average([small, large])
    assert (mean.base, mean.tuned) == (0.5, 1.0)
    # Two items can be swapped in four ways, of which two leave a difference of one.
    assert mean.p_value == pytest.approx(0.5, abs=0.15)


def test_measurements_of_other_items_are_refused():
    with pytest.raises(ValueError, match="same items"):
        bootstrap([mean_of([1, 2]), mean_of([1, 2, 3])], resamples=10, seed=0)


def test_holm_on_a_worked_example():
    # en.wikipedia.org/wiki/Holm–Bonferroni_method: of 0.01, 0.04, 0.03, 0.005 at 0.05 the first
    # and the last are rejected.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []
