"""Which examples a step sees and at which learning rate: pure functions of the step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from tutelage.train.options import TrainOptions
from tutelage.train.order import Order
from tutelage.train.schedule import learning_rate

SIZES = {"examples": st.integers(1, 200), "batch_size": st.integers(1, 50)}


@settings(max_examples=100, deadline=None)
@given(**SIZES, seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 5))
def test_each_epoch_visits_every_example_once(
    examples: int, batch_size: int, seed: int, epoch: int
) -> None:
    order = Order(examples, batch_size, seed)
    first = epoch * order.steps_an_epoch
    steps = [order.indices(step) for step in range(first, first + order.steps_an_epoch)]
    assert sorted(np.concatenate(steps)) == list(range(examples))
    assert all(0 < len(step) <= batch_size for step in steps)


def test_order_depends_on_seed_and_epoch_and_nothing_else() -> None:
    def epoch(seed: int, number: int) -> list[int]:
        order = Order(50, 50, seed)
        return order.indices(number).tolist()

    assert epoch(0, 3) == epoch(0, 3)
    orders = {tuple(epoch(seed, number)) for seed in (0, 1, 2**32 - 1) for number in range(4)}
    assert len(orders) == 12
    # Steps ask in any order, and after a resumption begin anywhere.
    order = Order(20, 3, 7)
    forwards = [order.indices(step).tolist() for step in range(14)]
    backwards = [order.indices(step).tolist() for step in reversed(range(14))]
    assert forwards == backwards[::-1]


@settings(max_examples=100, deadline=None)
@given(**SIZES, epochs=st.floats(0.01, 10), max_steps=st.none() | st.integers(1, 500))
def test_steps_make_up_the_epochs(
    examples: int, batch_size: int, epochs: float, max_steps: int | None
) -> None:
    order = Order(examples, batch_size, 0)
    steps = order.steps(epochs, max_steps)
    assert 1 <= steps <= (max_steps or steps)
    if max_steps is None:
        assert abs(steps / order.steps_an_epoch - epochs) <= 1 / order.steps_an_epoch
    assert order.epoch(0) == 0
    assert order.epoch(order.steps_an_epoch) == 1
    assert order.epoch(2 * order.steps_an_epoch) == 2
    assert all(order.epoch(step) < order.epoch(step + 1) for step in range(steps))


@settings(max_examples=200, deadline=None)
@given(
    steps=st.integers(1, 300),
    warmup=st.floats(0, 0.99),
    final=st.floats(0, 1),
    schedule=st.sampled_from(["cosine", "linear", "constant"]),
)
def test_it_rises_then_falls_and_every_step_moves(
    steps: int, warmup: float, final: float, schedule: str
) -> None:
    final = 0.0 if schedule == "constant" else final
    options = TrainOptions(schedule=schedule, warmup=warmup, final_learning_rate=final)
    rates = [learning_rate(step, steps, 3.0, options) for step in range(steps)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(3.0)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert min(rates) > 0
    assert all(rate >= 3.0 * final - 1e-12 for rate in rates[top:])


@pytest.mark.parametrize(
    ("schedule", "reference"),
    [("cosine", get_cosine_schedule_with_warmup), ("linear", get_linear_schedule_with_warmup)],
)
def test_it_falls_as_transformers_schedule_does(schedule: str, reference) -> None:
    options = TrainOptions(schedule=schedule, warmup=0.1)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    theirs = reference(optimizer, num_warmup_steps=5, num_training_steps=50)
    expected = []
    for _ in range(50):
        expected.append(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
    ours = [learning_rate(step, 50, 2.0, options) for step in range(50)]
    assert ours[5:] == pytest.approx(expected[5:])
    # Theirs wastes its first step on a learning rate of zero.
    assert ours[:5] == pytest.approx(expected[1:6])


def test_the_ends() -> None:
    def rates(steps: int, **changes: object) -> list[float]:
        options = TrainOptions(**changes)
        return [learning_rate(step, steps, 1.0, options) for step in range(steps)]

    assert rates(1) == [1.0]
    assert rates(1, warmup=0) == [1.0]
    assert rates(4, schedule="linear", warmup=0.5) == pytest.approx([0.5, 1.0, 1.0, 0.5])
    assert rates(4, schedule="constant", warmup=0.25) == [1.0] * 4
    shares = rates(4, schedule="linear", warmup=0, final_learning_rate=0.2)
    assert shares == pytest.approx([1.0, 0.8, 0.6, 0.4])
    assert rates(2, schedule="cosine", warmup=0) == pytest.approx([1.0, 0.5])
