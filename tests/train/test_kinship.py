"""The order that shares: a permutation, without bias, that lets relatives meet."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import MIN_SHARED, common_prefix, merge
from tutelage.train.kinship import Kinship
from tutelage.train.order import Order

FORESTS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2), st.integers(1, 5)),
    min_size=1,
    max_size=40,
)


def sequence(ids: list[int]) -> Rendered:
    return Rendered(np.array(ids, dtype=np.int32), np.ones(len(ids), dtype=np.float32), True)


def grown(forks: list[tuple[int, ...]]) -> list[Rendered]:
    """Sequences that share ten tokens for each fork at which they take the same branch."""
    grown = []
    for number, (*branches, rest) in enumerate(forks):
        shared = [10 * depth + branch for depth, branch in enumerate(branches)]
        ids = [id_ for branch in shared for id_ in [branch] * 10]
        grown.append(sequence([*ids, *range(1000 + number, 1000 + number + rest)]))
    return grown


def family(members: int, families: int) -> list[Rendered]:
    """Families whose members share 20 tokens, all of them 10."""
    return grown([(0, family, family, 5) for family in range(families) for _ in range(members)])


@settings(max_examples=100, deadline=None)
@given(
    forks=FORESTS,
    batch_size=st.integers(1, 12),
    together=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 5),
)
def test_every_epoch_visits_every_example_once_and_remembers_nothing(
    forks: list[tuple[int, ...]], batch_size: int, together: int, seed: int, epoch: int
) -> None:
    sequences = grown(forks)
    order = Order(len(sequences), batch_size, seed, Kinship.of(sequences, together))
    first = epoch * order.steps_an_epoch
    places = range(first, first + order.steps_an_epoch)
    steps = [order.indices(step).tolist() for step in places]
    assert sorted(index for step in steps for index in step) == list(range(len(sequences)))
    assert [len(step) for step in steps[:-1]] == [batch_size] * (len(steps) - 1)
    assert 0 < len(steps[-1]) <= batch_size
    # Asked for backwards, by another that never saw the epochs before.
    other = Order(len(sequences), batch_size, seed, Kinship.of(sequences, together))
    assert [other.indices(step).tolist() for step in reversed(places)] == steps[::-1]


def test_epochs_and_seeds_differ() -> None:
    kin = Kinship.of(family(10, 5))
    orders = [Order(50, 50, seed, kin).indices(epoch) for seed in range(3) for epoch in range(4)]
    assert len({tuple(order.tolist()) for order in orders}) == 12


class Rotated:
    """A generator that draws everything but the rotation from a seed."""

    def __init__(self, seed: int, rotation: int) -> None:
        self.random = np.random.default_rng(seed)
        self.rotation = rotation

    def permutation(self, values: Any) -> np.ndarray:
        return self.random.permutation(values)

    def integers(self, high: int) -> int:
        assert 0 <= self.rotation < high
        return self.rotation


@settings(max_examples=50, deadline=None)
@given(forks=FORESTS, together=st.integers(1, 9), seed=st.integers(0, 99))
def test_every_example_is_equally_likely_at_every_place(
    forks: list[tuple[int, ...]], together: int, seed: int
) -> None:
    """Whatever else is drawn, over all rotations each example stands once at each place."""
    sequences = grown(forks)
    kin = Kinship.of(sequences, together)
    count = len(sequences)
    orders = np.array([kin.shuffled(Rotated(seed, by)) for by in range(count)])  # type: ignore[arg-type]
    assert (np.sort(orders, axis=0) == np.arange(count)[:, None]).all()


def test_relatives_meet_about_as_often_as_they_are_kept_together() -> None:
    members, families, together = 32, 8, 4
    count = members * families
    kin = Kinship.of(family(members, families), together)
    met = 0
    for step in range(400):
        taken = Order(count, 8, 0, kin).indices(step) // members
        met += sum(n * (n - 1) for n in Counter(taken.tolist()).values())
    # Beside each example: 3 relatives of its block, and 4 of others, relatives by chance. A block
    # parts where it lies across the border of two families: 3 of 32 neighbours.
    by_chance = 4 * (members - 1) / (count - 1)
    expected = 3 * (1 - 2.5 / members) + by_chance
    assert met / (400 * 8) == pytest.approx(expected, rel=0.1)


def test_a_step_shares_more_than_by_chance() -> None:
    sequences = family(20, 20)

    def shared(kin: Kinship | None) -> float:
        order = Order(len(sequences), 16, 0, kin)
        forests = [merge([sequences[at] for at in order.indices(step)]) for step in range(25)]
        return sum(f.logical_tokens for f in forests) / sum(len(f) for f in forests)

    assert shared(Kinship.of(sequences)) > 1.5 * shared(None)


def test_where_nothing_is_shared_the_order_is_uniform() -> None:
    """All begin alike, and no two go on alike: any two neighbours are equally likely."""
    sequences = grown([(0, 0, 0, 3) for _ in range(6)])
    kin = Kinship.of(sequences)
    assert kin.families == ()
    orders = Counter(
        tuple(kin.shuffled(np.random.default_rng(seed)).tolist()) for seed in range(7200)
    )
    assert len(orders) == 720
    assert sum((n - 10) ** 2 / 10 for n in orders.values()) < 850  # chi-square, 719 degrees


def test_branches_are_those_of_the_tree() -> None:
    forks = [(0, 0, 0, 4), (0, 0, 1, 4), (0, 1, 0, 4), (0, 1, 0, 4), (1, 0, 0, 4)]
    kin = Kinship.of(grown(forks))
    assert kin.places.tolist() == [0, 1, 2, 3, 4]
    assert [level.tolist() for level in kin.families] == [
        [0, 0, 0, 0, 1],
        [0, 0, 1, 1, 2],
    ]  # the next would tell all apart


@settings(max_examples=100, deadline=None)
@given(forks=FORESTS)
def test_what_is_in_one_branch_shares_what_the_branch_has(forks: list[tuple[int, ...]]) -> None:
    sequences = grown(forks)
    kin = Kinship.of(sequences)
    for level in kin.families:
        for (a, one), (b, other) in pairwise(zip(kin.places, level, strict=True)):
            shared = common_prefix(sequences[a].ids, sequences[b].ids)
            assert (one == other) <= (shared >= MIN_SHARED)
    for upper, lower in pairwise(kin.families):
        assert (np.diff(upper) <= np.diff(lower)).all()  # a level only ever parts


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9])
def test_few_examples(count: int) -> None:
    kin = Kinship.of(family(count, 1))
    assert sorted(kin.shuffled(np.random.default_rng(0))) == list(range(count))
