"""How far sureness can be believed: against a plain computation, and known models."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.data.example import Message
from tutelage.evaluate.calibration import BINS, calibration_measures, reliability
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Suite
from tutelage.statistics import wilson

CASES = st.lists(
    st.tuples(st.lists(st.floats(-20, 0), min_size=3, max_size=3), st.integers(0, 2)),
    min_size=1,
    max_size=30,
)


def suite() -> Suite:
    return SUITES.get("dataset")


def asked(rights: list[int | None]) -> list[Question]:
    return [
        Question(
            str(at),
            (Message("user", "?"),),
            choices=("a", "b", "c"),
            target={} if right is None else {"choice": right},
        )
        for at, right in enumerate(rights)
    ]


def replies(weights: list[list[float]]) -> list[Reply]:
    return [Reply(likelihoods=tuple(one), lengths=(1,) * len(one)) for one in weights]


@given(CASES)
def test_both_figures_are_those_of_a_plain_computation(
    cases: list[tuple[list[float], int]],
) -> None:
    weights, rights = [list(one) for one, _ in cases], [right for _, right in cases]
    bins: dict[int, list[tuple[float, bool]]] = {}
    brier = 0.0
    for one, right in cases:
        total = math.fsum(math.exp(weight) for weight in one)
        sure = [math.exp(weight) / total for weight in one]
        chosen = one.index(max(one))
        brier += sum((p - (at == right)) ** 2 for at, p in enumerate(sure))
        number = next(n for n in range(BINS) if sure[chosen] < (n + 1) / BINS or n == BINS - 1)
        bins.setdefault(number, []).append((sure[chosen], chosen == right))
    error = sum(abs(sum(ok - sure for sure, ok in own)) for own in bins.values()) / len(cases)
    found = calibration_measures(suite(), asked(rights), replies(weights))
    values = {one.metric: one.aggregate(one.scores.statistics.sum(axis=0)) for one in found}
    assert values["brier_score"] == pytest.approx(brier / len(cases), abs=1e-9)
    assert values["calibration_error"] == pytest.approx(error, abs=1e-9)
    drawn = reliability(suite(), asked(rights), replies(weights), 0.9)
    assert [one["items"] for one in drawn] == [len(bins[n]) for n in sorted(bins)]
    for one, number in zip(drawn, sorted(bins), strict=True):
        right = sum(ok for _, ok in bins[number])
        assert one["accuracy"] == pytest.approx(right / len(bins[number]))
        assert one["interval"] == wilson(right, len(bins[number]), 0.9)


def test_a_reliable_model_has_no_error_and_one_too_sure_has_its_excess() -> None:
    # Sure by 3/4, and right in 3 of 4; then sure by more than 0.999, and right as often.
    rights = [0, 0, 0, 1] * 25
    third = math.log(1 / 8)
    for weights, expected in (([math.log(3 / 4), third, third], 0), ([0.0, -9.0, -9.0], 0.25)):
        _, error = calibration_measures(suite(), asked(rights), replies([weights] * 100))
        value = error.aggregate(error.scores.statistics.sum(axis=0))
        assert value == pytest.approx(expected, abs=1e-3)


def test_only_questions_with_a_right_choice_count() -> None:
    questions = asked([None, 1, None])
    found = calibration_measures(suite(), questions, replies([[0.0, -1.0, -2.0]] * 3))
    assert [list(one.items) for one in found] == [[1], [1]]
    assert calibration_measures(suite(), asked([None]), replies([[0.0, 0.0, 0.0]])) == []
    assert reliability(suite(), asked([None]), replies([[0.0, 0.0, 0.0]]), 0.95) == []


@pytest.mark.parametrize("name", ["mmlu", "bbq"])
def test_suites_that_know_the_right_choice_in_their_own_way(name: str) -> None:
    target = {"mmlu": "C", "bbq": {"right": 2}}[name]
    question = Question("q", choices=("A", "B", "C"), target=target)
    assert SUITES.get(name).right_choice(question) == 2
