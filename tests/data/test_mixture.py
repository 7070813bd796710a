"""How tasks are mixed: rates as published, quotas that add up, budgets met, mistakes named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tutelage.data.mixture import Mixture, plan
from tutelage.data.options import MixtureOptions
from tutelage.errors import UserError

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=6)


def mixed(sizes: list[int], epochs: float = 2, length: int = 10, **settings: Any) -> Mixture:
    """The mixture of tasks a, b, … of these sizes, their examples alike in length."""
    tasks = [chr(ord("a") + place) for place in range(len(sizes))]
    task_of = np.repeat(np.arange(len(sizes)), sizes)
    options = MixtureOptions(**settings)
    known = [*tasks, "held"]
    return plan(options, tasks, task_of, np.full(len(task_of), length), epochs, known)


def drawn(mixture: Mixture, epochs: int) -> list[int]:
    found: list[int] = mixture.drawn_before(epochs).tolist()
    return found


@given(sizes=SIZES)
def test_proportional_is_every_example_once(sizes: list[int]) -> None:
    mixture = mixed(sizes)
    assert mixture.once_each
    assert mixture.quotas(3).tolist() == sizes


def test_rates_are_those_of_the_papers() -> None:
    # T5's formula, by hand: min(size, cap)^(1/T), of an epoch of 130 draws.
    rates = mixed([100, 25, 5], strategy="temperature", temperature=2, cap=64).rates
    parts = np.array([8.0, 5.0, 5**0.5])
    np.testing.assert_allclose(rates, 130 * parts / parts.sum())
    # FLAN: temperature 1 and a cap.
    rates = mixed([100, 25, 5], strategy="temperature", temperature=1, cap=25).rates
    np.testing.assert_allclose(rates, 130 * np.array([25, 25, 5]) / 55)
    # Without a cap, temperature 1 is proportional, and a very high one equal.
    assert mixed([100, 25, 5], strategy="temperature", temperature=1, cap=None).once_each
    rates = mixed([100, 25, 5], strategy="temperature", temperature=1e9).rates
    np.testing.assert_allclose(rates, 130 / 3)
    np.testing.assert_allclose(rates, mixed([100, 25, 5], strategy="equal").rates)
    rates = mixed([10, 10, 10], strategy="weights", weights={"a": 3, "b": 0, "c": 1}).rates
    np.testing.assert_allclose(rates, [22.5, 0, 7.5])


STRATEGIES = st.one_of(
    st.just({"strategy": "equal"}),
    st.builds(
        lambda temperature, cap: {
            "strategy": "temperature",
            "temperature": temperature,
            "cap": cap,
        },
        st.floats(0.3, 8),
        st.none() | st.integers(1, 50),
    ),
    st.builds(
        lambda weights: {
            "strategy": "weights",
            "weights": dict(zip("abcdef", weights, strict=True)),
        },
        st.lists(st.floats(0.1, 9), min_size=6, max_size=6),
    ),
)


@given(sizes=st.lists(st.integers(1, 40), min_size=6, max_size=6), settings=STRATEGIES,
       epochs=st.integers(1, 7))  # fmt: skip
def test_quotas_keep_to_the_rates(sizes: list[int], settings: dict[str, Any], epochs: int) -> None:
    mixture = mixed(sizes, epochs, **settings)
    total = np.zeros(6)
    for epoch in range(epochs):
        assert mixture.drawn_before(epoch).tolist() == total.tolist()
        quotas = mixture.quotas(epoch)
        assert quotas.sum() == sum(sizes) == mixture.smallest_epoch
        assert (quotas >= 0).all()
        assert (abs(quotas - mixture.rates) < 1 + 1e-6).all()
        total += quotas
    # Over the run no task strays by a whole draw either, in all epochs together.
    assert (abs(total - epochs * mixture.rates) < 1 + 1e-4).all()
    assert mixture.drawn_before(2 * epochs).tolist() == (2 * total).tolist()


@given(
    sizes=SIZES, epochs=st.integers(1, 7), share=st.floats(0.05, 1), passes=st.floats(0.05, 9),
    kind=st.sampled_from(["examples", "tokens", "epochs"]), others=st.booleans(),
)  # fmt: skip
def test_a_budget_is_met_to_the_example(
    sizes: list[int], epochs: int, share: float, passes: float, kind: str, others: bool
) -> None:
    asked = max(1, int(share * sizes[0] * epochs))
    budget = {"examples": asked, "tokens": 10 * asked, "epochs": passes}[kind]
    expected = max(1, round(passes * sizes[0])) if kind == "epochs" else asked
    sizes = sizes if others else sizes[:1]
    try:
        mixture = mixed(sizes, epochs, tasks={"a": {kind: budget}})
    except UserError as error:
        assert "less than one example an epoch" in error.what
        assert len(sizes) == 1 and expected < epochs
        return
    counts = drawn(mixture, epochs)
    assert counts[0] == expected
    assert counts[1:] == [epochs * size for size in sizes[1:]]
    per_epoch = [int(mixture.quotas(epoch).sum()) for epoch in range(epochs)]
    assert set(per_epoch) <= {mixture.smallest_epoch, mixture.smallest_epoch + 1}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"strategy": "weights", "weights": {"a": 1, "bb": 1}}, "unknown task 'bb'"),
        ({"strategy": "weights", "weights": {"a": 1, "held": 1}}, "'held' has no example to train"),
        ({"strategy": "weights", "weights": {"a": 1}}, "no weight is given for 'b'"),
        ({"tasks": {"held": {"epochs": 1}}}, "data.mixture.tasks: the task 'held' has no example"),
        ({"tasks": {"c": {"epochs": 1}}}, "unknown task 'c'; expected one of: a, b"),
        (
            {"tasks": {"a": {"examples": 21}}},
            "data.mixture.tasks.a: the budget of 'a' is 21 examples; 2 passes over the 10 there "
            "are to train on have 20\n  fix: write `epochs: 2.1`",
        ),
        ({"tasks": {"a": {"tokens": 301}}}, "is 301 tokens; .* have about 200"),
        (
            {"tasks": {"a": {"examples": 1}, "b": {"epochs": 0.01}}, "epochs": 9},
            "the budgets leave less than one example an epoch",
        ),
    ],
)
def test_what_does_not_fit_the_data(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        mixed([10, 4], **settings)


def test_weights_of_budgeted_tasks_only_are_no_weights() -> None:
    settings = {
        "strategy": "weights",
        "weights": {"b": 0, "held": 1},
        "tasks": {"a": {"epochs": 1}},
    }
    with pytest.raises(UserError, match="'held' has no example"):
        mixed([10, 4], **settings)
    mixture = mixed([10, 4], tasks={"a": {"epochs": 1}, "b": {"examples": 5}})
    assert drawn(mixture, 2) == [10, 5]
    assert mixed([10, 4], tasks={"a": {}}).once_each


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"strategy": "weights"}, "expected a weight for every task"),
        ({"weights": {"a": 1}}, "the strategy is proportional"),
        ({"strategy": "weights", "weights": {"a": 1, "b": -1}}, "found -1 for 'b'"),
        ({"strategy": "weights", "weights": {"a": 0, "b": 0}}, "sum to nothing"),
        ({"strategy": "equal", "temperature": 3}, "only `strategy: temperature` uses it"),
        ({"strategy": "equal", "cap": 100}, "only `strategy: temperature` uses it"),
        ({"tasks": {"a": {"epochs": 1, "tokens": 5}}}, "found epochs and tokens"),
        (
            {"strategy": "weights", "weights": {"a": 1}, "tasks": {"a": {"epochs": 1}}},
            "'a' has a weight too",
        ),
    ],
)
def test_settings_that_contradict(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MixtureOptions(**settings)
