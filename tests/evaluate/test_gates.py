"""Conditions under which an evaluation fails."""

from __future__ import annotations

import pytest

from tutelage.errors import UserError
from tutelage.evaluate.gates import Found, checked_conditions, failed

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
