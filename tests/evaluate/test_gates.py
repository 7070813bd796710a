"""Conditions under which an evaluation fails."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from tutelage.errors import UserError
from tutelage.evaluate.comparison import compare_answers, measures_of
from tutelage.evaluate.gates import Found, checked_conditions, failed, figures
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.scoring import Item, preflight

FOUND = {
    "sums.accuracy": Found(0.5, worsened=True, primary=True),
    "sums/easy.accuracy": Found(0.75, worsened=False, primary=False),
    "words.chrf": Found(40.0, worsened=False, primary=True),
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("sums.accuracy < 0.5", False),
        ("sums.accuracy <= 0.5", True),
        ("sums.accuracy>0.4", True),
        ("sums.accuracy >= 0.51", False),
        ("words.chrf < 50", True),
        ("sums.accuracy < .75", True),
        ("sums.accuracy < -0.1", False),
        ("sums.accuracy > -.1", True),
        ("sums.accuracy < +1.", True),
        ("sums.accuracy < 1e-3", False),
        ("words.chrf > 3.9E1", True),
        ("sums/easy.accuracy < 0.8", True),
        ("sums.accuracy worsens", True),
        ("words.chrf worsens", False),
        ("any worsens", True),
    ],
)
def test_conditions(condition: str, holds: bool) -> None:
    checked_conditions([condition])
    assert bool(failed([condition], FOUND)) is holds


@pytest.mark.parametrize(
    "condition",
    [
        "accuracy < 1",
        "sums.accuracy",
        "any < 1",
        "x.y < z",
        "x.y < 5%",
        "x.y < 1,5",
        "x.y < .",
        "x.y < 1e",
        "",
    ],
)
def test_what_is_no_condition(condition: str) -> None:
    with pytest.raises(ValueError, match="found"):
        checked_conditions([condition])


def test_an_unknown_measure_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"sums\.accuracy"):
        failed(["sums.acuracy < 1"], FOUND)


def test_worse_than_what() -> None:
    alone = {"sums.accuracy": Found(0.5, worsened=None, primary=True)}
    with pytest.raises(UserError, match="needs two models"):
        failed(["any worsens"], alone)


def test_all_trained_and_all_held_out_tasks_have_two_names() -> None:
    items = [Item(task, task in "cd", ("yes",)) for task in ("a", "b", "c", "d") for _ in range(3)]
    options = EvaluateOptions(metrics=["exact_match"], resamples=100)
    tuned = ["yes" if item.held_out else "no" for item in items]
    changes = compare_answers(items, ["no"] * len(items), tuned, options).changes
    found = figures([asdict(change) for change in changes])
    assert {"overall.primary", "held_out.primary", "held_out.exact_match"} <= found.keys()
    assert (found["overall.primary"].value, found["held_out.primary"].value) == (0, 1)
    assert set(measures_of(items, options)) == set(found)
    for name in ("overall", "held_out"):
        with pytest.raises(UserError, match="over all"):
            preflight(options, [name])
