"""The draws of a mixture: whole passes, nobody starves, nothing is remembered."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kinship import grown

from tutelage.data.mixture import Mixture
from tutelage.train.draws import Draws
from tutelage.train.kinship import Kinship
from tutelage.train.options import TrainOptions
from tutelage.train.order import Order, make_order

SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=5)
RATES = st.lists(st.floats(0, 30), min_size=5, max_size=5)


def mixture_of(sizes: list[int], rates: list[float], epochs: int, seed: int = 0) -> Mixture:
    """Examples of several tasks, in any order."""
    task_of = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    # One draw an epoch at least: what has none is refused before.
    used = np.array([rates[0] + 1, *rates[1 : len(sizes)]])
    return Mixture(tuple("abcde"[: len(sizes)]), task_of, used, epochs)


@settings(max_examples=100)
@given(sizes=SIZES, rates=RATES, epochs=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_nobody_is_seen_again_before_all_were_seen(
    sizes: list[int], rates: list[float], epochs: int, seed: int
) -> None:
    mixture = mixture_of(sizes, rates, epochs)
    draws = Draws(mixture, seed)
    times = np.zeros(len(mixture.task_of), dtype=int)
    for epoch in range(epochs + 1):
        own = draws.epoch(epoch)
        counts = np.bincount(mixture.task_of[own], minlength=len(sizes))
        assert counts.tolist() == mixture.quotas(epoch).tolist()
        np.add.at(times, own, 1)
        for task in range(len(sizes)):
            seen = times[mixture.task_of == task]
            assert seen.max() - seen.min() <= 1
    again = Draws(mixture, seed)
    assert [again.epoch(e).tolist() for e in (epochs, 0)] == [
        draws.epoch(e).tolist() for e in (epochs, 0)
    ]


@settings(max_examples=60)
@given(
    sizes=SIZES, rates=RATES, epochs=st.integers(1, 4), batch=st.integers(1, 9),
    related=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_steps_hold_what_the_epoch_drew_and_begin_anywhere(
    sizes: list[int], rates: list[float], epochs: int, batch: int, related: bool, seed: int
) -> None:
    mixture = mixture_of(sizes, rates, epochs)
    forks = [(task, at % 3, 0, 2) for at, task in enumerate(mixture.task_of.tolist())]

    def order() -> Order:
        kin = Kinship.of(grown(forks), 3) if related else None
        return Order(len(mixture.task_of), batch, seed, kin, Draws(mixture, seed))

    forwards = order()
    steps = [forwards.indices(s).tolist() for s in range(epochs * forwards.steps_an_epoch)]
    assert all(0 < len(step) <= batch + 1 for step in steps)
    for epoch in range(epochs):
        own = steps[epoch * forwards.steps_an_epoch : (epoch + 1) * forwards.steps_an_epoch]
        found = sorted(index for step in own for index in step)
        assert found == sorted(Draws(mixture, seed).epoch(epoch).tolist())
    backwards = order()
    places = reversed(range(len(steps)))
    assert [backwards.indices(step).tolist() for step in places] == steps[::-1]


@given(sizes=SIZES, seed=st.integers(0, 99), related=st.booleans())
def test_proportional_is_the_order_without_a_mixture(
    sizes: list[int], seed: int, related: bool
) -> None:
    task_of = np.repeat(np.arange(len(sizes)), sizes)
    mixture = Mixture(tuple("abcde"[: len(sizes)]), task_of, np.array(sizes, dtype=float), 2)
    options: dict[str, Any] = {"batch_size": 4, "order": "related" if related else "shuffled"}
    train = TrainOptions(seed=seed, **options)
    examples = [made(task) for task in task_of.tolist()]
    plain, mixed = make_order(examples, train), make_order(examples, train, mixture)
    for step in range(2 * plain.steps_an_epoch):
        assert plain.indices(step).tolist() == mixed.indices(step).tolist()


def test_copies_of_an_example_do_not_meet_as_relatives() -> None:
    forks = [(task, 0, 0, 2) for task in range(4) for _ in range(16)]
    kin = Kinship.of(grown(forks), 8)
    drawn = np.repeat(np.arange(64), 3)
    walk = kin.shuffled(np.random.default_rng(0), drawn)
    assert np.bincount(walk).tolist() == [3] * 64
    blocks = walk.reshape(-1, 8)
    together = sum(len(set(block)) < 8 for block in blocks.tolist())
    assert together <= 2  # where one round of the walk ends and the next begins


def made(task: int):
    from tutelage.data.example import Source
    from tutelage.train.example import TrainingExample

    (sequence,) = grown([(task, 0, 0, 2)])
    return TrainingExample(Source("made", task), str(task), (sequence,))
