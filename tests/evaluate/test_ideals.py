"""A figure with an ideal in the middle, and its distance from it."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.evaluate.gates import failed, figures
from tutelage.evaluate.ideals import Leaning
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.question import Question
from tutelage.evaluate.suite_comparison import Measured, compare_suites, values_of

HALF = Leaning("share", "lean", 0.5, "half is best", bounds=(0.0, 1.0))


def asked(measures: list[Measure], count: int) -> Measured:
    return Measured("pairs", "bias", [Question(str(at)) for at in range(count)], measures)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=30))
def test_the_distance_is_of_the_mean_and_not_the_mean_distance(values: list[float]) -> None:
    away, itself = HALF.measures(values, primary=True)
    sums = itself.scores.statistics.sum(axis=0)
    assert float(itself.aggregate(sums)) == pytest.approx(np.mean(values))
    assert float(away.aggregate(sums)) == pytest.approx(abs(np.mean(values) - 0.5))
    assert (away.primary, itself.primary) == (True, False)
    assert (away.bounds, itself.bounds) == ((0.0, 0.5), (0.0, 1.0))


def test_leaning_the_other_way_as_far_is_no_improvement() -> None:
    base, tuned = (HALF.measures([side] * 30 + [1 - side] * 10, primary=True) for side in (1, 0))
    away, itself = compare_suites([asked(base, 40)], [asked(tuned, 40)], EvaluateOptions())
    assert away.change.difference == 0
    assert not away.change.significant
    assert itself.change.difference == -0.5
    assert itself.change.significant
    assert (away.change.higher_is_better, itself.change.higher_is_better) == (False, None)
    assert not itself.change.improved and not itself.change.worsened
    found = figures([{"suite": row.suite, **asdict(row.change)} for row in (away, itself)])
    assert [found[f"pairs.{name}"].worsened for name in ("lean", "share")] == [False, False]
    assert failed(["pairs.share < 0.5"], found)  # bounds are for either
    with pytest.raises(UserError, match="neither side of it is worse"):
        failed(["pairs.share worsens"], found)


def test_intervals_stay_within_what_can_be() -> None:
    away, itself = values_of([asked(HALF.measures([1.0] * 12), 12)], EvaluateOptions())
    assert (away.value, away.interval[1]) == (0.5, 0.5)
    assert itself.interval[0] < 1 == itself.interval[1]
