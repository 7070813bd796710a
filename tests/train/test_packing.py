"""Packs hold every sequence once, within the budget."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from forests import families_of_sequences, rendered
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.prompt.renderer import Rendered
from tutelage.prompt.tree import Forest
from tutelage.train.packing import CALLS, EVENNESS, cuts_of, micro_batches, pack_groups


def leaves(pack: Forest) -> list[tuple[int, ...]]:
    """The token sequences that a forest holds: one for each way from a root to a leaf."""
    paths: list[tuple[int, ...]] = []
    for segment in pack.segments:
        above = paths[segment.parent] if segment.parent >= 0 else ()
        paths.append(above + tuple(pack.ids[segment.start : segment.end].tolist()))
    inner = {segment.parent for segment in pack.segments}
    return [path for at, path in enumerate(paths) if at not in inner]


@settings(max_examples=300, deadline=None)
@given(
    sequences=families_of_sequences(vocabulary=4, longest=20, most=12),
    budget=st.integers(1, 80),
    min_shared=st.sampled_from([1, 2, 8]),
)
def test_packs_keep_to_the_budget(sequences: list[Rendered], budget: int, min_shared: int) -> None:
    packs = micro_batches(sequences, budget, min_shared)
    lengths = {len(sequence.ids) for sequence in sequences}
    for pack in packs:
        alone = len(pack) == pack.logical_tokens and len(pack) in lengths
        assert len(pack) <= budget or alone
    assert sum(pack.logical_tokens for pack in packs) == sum(len(s.ids) for s in sequences)
    supervised = sum(float(s.weights.sum()) for s in sequences)
    assert sum(pack.supervised_tokens for pack in packs) == pytest.approx(supervised)


@settings(max_examples=100, deadline=None)
@given(lengths=st.lists(st.integers(2, 30), min_size=1, max_size=20), budget=st.integers(2, 100))
def test_every_sequence_is_in_exactly_one_pack(lengths: list[int], budget: int) -> None:
    # The first token tells the sequences apart, so that none is another's beginning.
    sequences = [
        rendered([at, *[7] * (n - 1)], [0.0] + [1.0] * (n - 1)) for at, n in enumerate(lengths)
    ]
    packs = micro_batches(sequences, budget)
    found = Counter(leaf for pack in packs for leaf in leaves(pack))
    assert found == Counter(tuple(sequence.ids.tolist()) for sequence in sequences)
    fewest = -(-sum(lengths) // budget)
    assert len(packs) <= 2 * fewest + sum(length > budget for length in lengths)


@settings(max_examples=200, deadline=None)
@given(
    sequences=families_of_sequences(vocabulary=4, longest=20, most=12),
    cuts=st.lists(st.booleans(), min_size=12, max_size=12),
    budget=st.integers(1, 80),
    min_shared=st.sampled_from([1, 2, 8]),
)
def test_groups_are_never_parted(
    sequences: list[Rendered], cuts: list[bool], budget: int, min_shared: int
) -> None:
    groups: list[list[Rendered]] = []
    for sequence, cut in zip(sequences, cuts, strict=False):
        if cut or not groups:
            groups.append([])
        groups[-1].append(sequence)
    packs = pack_groups(groups, budget, min_shared)
    assert sorted(at for pack in packs for at in pack.groups) == list(range(len(groups)))
    for pack in packs:
        assert len(pack.forest) <= budget or len(pack.groups) == 1
        numbered = [sequence for at in pack.groups for sequence in groups[at]]
        owners, _, weights = pack.forest.occurrences
        found = np.bincount(owners, weights, minlength=len(numbered))
        assert found.tolist() == [float(sequence.weights.sum()) for sequence in numbered]


def test_a_branch_too_short_to_merge_is_counted() -> None:
    # The first two share 17 tokens, the third 10 with them: merged at 10, the other 7 are too few.
    stems = ([1] * 10 + [1] * 7 + [5], [1] * 10 + [1] * 7 + [6], [1] * 10 + [2] * 8)
    sequences = [rendered(ids, [0.0] + [1.0] * 17) for ids in stems]
    assert [len(pack) for pack in micro_batches(sequences, 34)] == [34]
    assert all(len(pack) <= 33 for pack in micro_batches(sequences, 33))


def test_loss_weights_follow_the_sequences() -> None:
    stem = list(range(10, 30))
    sequences = [rendered([*stem, tail], [0.0] * 20 + [float(tail)]) for tail in (1, 2, 3)]
    (pack,) = micro_batches(sequences, 1000)
    assert len(pack) == 23 and pack.logical_tokens == 63
    assert dict(zip(pack.targets.tolist(), pack.weights.tolist(), strict=True)) == {
        1: 1.0,
        2: 2.0,
        3: 3.0,
    }
    assert np.array_equal(pack.predictors, [19, 19, 19])


def test_packs_are_of_similar_size() -> None:
    random = np.random.default_rng(0)
    sequences = [
        rendered(random.integers(2, 300, n).tolist(), [0.0] + [1.0] * (n - 1))
        for n in random.integers(20, 60, 50)
    ]
    sizes = [len(pack) for pack in micro_batches(sequences, 512)]
    assert min(sizes) > max(sizes) / 2


def test_packs_are_cut_where_the_least_is_shared() -> None:
    """Rows of a task begin alike and tasks do not, so no cut goes through a task."""
    tasks = [[1000 * task + at for at in range(40)] for task in (1, 2)]
    rows = [[*task, *range(at, at + 20)] for task in tasks for at in range(5)]
    sequences = [rendered(row, [0.0] + [1.0] * (len(row) - 1)) for row in rows]
    packs = micro_batches(sequences, budget=200)
    assert sorted(len(pack) for pack in packs) == [40 + 5 * 20] * 2


@given(st.lists(st.integers(1, 30), min_size=1, max_size=9), st.integers(10, 60), st.data())
def test_no_other_cuts_are_cheaper(alone: list[int], budget: int, data: st.DataObject) -> None:
    shared = [data.draw(st.integers(0, min(pair))) for pair in itertools.pairwise(alone)]
    new = [size - part for size, part in zip(alone, [0, *shared], strict=True)]

    def cost(cuts: Sequence[tuple[int, int]]) -> float:
        sizes = [alone[first] + sum(new[first + 1 : last]) for first, last in cuts]
        lengths = [last - first for first, last in cuts]
        if any(size > budget and many > 1 for size, many in zip(sizes, lengths, strict=True)):
            return math.inf
        return sum(size + CALLS + EVENNESS * size * size / budget for size in sizes)

    inner = range(1, len(alone))
    every = (
        list(itertools.pairwise([0, *borders, len(alone)]))
        for count in range(len(alone))
        for borders in itertools.combinations(inner, count)
    )
    assert cost(cuts_of(alone, new, budget)) == pytest.approx(min(map(cost, every)))
