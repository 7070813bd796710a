"""Token trees: nothing is lost by merging, and nothing computed twice that need not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import MIN_SHARED, Forest, common_prefix, in_sharing_order, merge

Tokens = tuple[int, ...]


def rendered(ids: Sequence[int], weights: Sequence[float]) -> Rendered:
    loss = np.array(weights, dtype=np.float32)
    loss[0] = 0.0
    return Rendered(np.array(ids, dtype=np.int32), loss, stop_trained=True)


@st.composite
def sequences(draw: st.DrawFn) -> list[Rendered]:
    """Some alike at the beginning, some twice, some the beginning of another; few ids or many."""
    vocabulary = draw(st.sampled_from([2, 3, 50_000]))
    token = st.integers(0, vocabulary - 1)
    stems: list[list[int]] = [[]]
    made: list[list[int]] = []
    for _ in range(draw(st.integers(1, 8))):
        ids = [*draw(st.sampled_from(stems)), *draw(st.lists(token, max_size=14))] or [draw(token)]
        made.append(ids)
        stems += [ids, ids[: draw(st.integers(1, len(ids)))]]
    weight = st.sampled_from([0.0, 1.0, 0.5])
    return [
        rendered(ids, draw(st.lists(weight, min_size=len(ids), max_size=len(ids)))) for ids in made
    ]


def paths(forest: Forest) -> list[Tokens]:
    """The ids from the root to each segment's end."""
    found: list[Tokens] = []
    for start, end, parent in forest.segments:
        before = found[parent] if parent >= 0 else ()
        found.append(before + tuple(forest.ids[start:end].tolist()))
    return found


def contexts(forest: Forest) -> list[Tokens]:
    """For each place in the row, the ids that attention lets it see, itself last."""
    return [
        path[: len(path) - (end - start) + offset + 1]
        for path, (start, end, _) in zip(paths(forest), forest.segments, strict=True)
        for offset in range(end - start)
    ]


def predictions(forest: Forest) -> Counter[tuple[Tokens, int]]:
    seen = contexts(forest)
    found: Counter[tuple[Tokens, int]] = Counter()
    for place, target, weight in zip(
        forest.predictors.tolist(), forest.targets.tolist(), forest.weights.tolist(), strict=True
    ):
        found[seen[place], target] += weight
    return found


def wanted(given_sequences: Sequence[Rendered]) -> Counter[tuple[Tokens, int]]:
    found: Counter[tuple[Tokens, int]] = Counter()
    for sequence in given_sequences:
        ids = tuple(sequence.ids.tolist())
        for at in np.flatnonzero(sequence.weights):
            found[ids[:at], ids[at]] += float(sequence.weights[at])
    return found


@given(sequences(), st.sampled_from([1, 2, MIN_SHARED]))
def test_merging_loses_nothing(given_sequences: list[Rendered], min_shared: int) -> None:
    forest = merge(given_sequences, min_shared)
    ends = set(paths(forest))
    assert all(tuple(sequence.ids.tolist()) in ends for sequence in given_sequences)
    assert predictions(forest) == wanted(given_sequences)
    assert forest.logical_tokens == sum(len(sequence.ids) for sequence in given_sequences)
    assert forest.supervised_tokens == sum(float(one.weights.sum()) for one in given_sequences)


@given(sequences(), st.sampled_from([1, 2, MIN_SHARED]))
def test_every_sequence_keeps_its_own_targets(
    given_sequences: list[Rendered], min_shared: int
) -> None:
    forest = merge(given_sequences, min_shared)
    seen = contexts(forest)
    owners, targets, weights = forest.occurrences
    for number, sequence in enumerate(given_sequences):
        own: Counter[tuple[Tokens, int]] = Counter()
        for target, weight in zip(
            targets[owners == number].tolist(), weights[owners == number].tolist(), strict=True
        ):
            own[seen[forest.predictors[target]], int(forest.targets[target])] += weight
        assert own == wanted([sequence])
    np.testing.assert_allclose(
        np.bincount(targets, weights, minlength=len(forest.targets)), forest.weights
    )


@given(sequences(), st.sampled_from([1, 2, MIN_SHARED]))
def test_segments_tile_the_row_parents_first_and_positions_are_depths(
    given_sequences: list[Rendered], min_shared: int
) -> None:
    forest = merge(given_sequences, min_shared)
    assert [segment.start for segment in forest.segments] == [
        0,
        *(segment.end for segment in forest.segments[:-1]),
    ]
    assert forest.segments[-1].end == len(forest)
    assert all(segment.parent < at for at, segment in enumerate(forest.segments))
    assert all(segment.start < segment.end for segment in forest.segments)
    depths = [len(context) - 1 for context in contexts(forest)]
    assert forest.positions.tolist() == depths


@given(sequences(), st.sampled_from([1, 2, MIN_SHARED]))
def test_no_token_is_computed_twice_that_may_be_shared(
    given_sequences: list[Rendered], min_shared: int
) -> None:
    prefixes = {
        tuple(sequence.ids[: at + 1].tolist())
        for sequence in given_sequences
        for at in range(len(sequence.ids))
    }
    forest = merge(given_sequences, min_shared)
    assert len(prefixes) <= len(forest) <= forest.logical_tokens
    if min_shared == 1:
        assert len(forest) == len(prefixes)
    for at, segment in enumerate(forest.segments):
        branches = [child for child in forest.segments if child.parent == at]
        assert not branches or segment.end - segment.start >= min_shared


@given(sequences())
def test_the_same_sequences_in_any_order_make_the_same_tree(
    given_sequences: list[Rendered],
) -> None:
    one, other = merge(given_sequences), merge(given_sequences[::-1])
    assert one.ids.tolist() == other.ids.tolist() and one.segments == other.segments
    assert predictions(one) == predictions(other)


@given(sequences())
def test_neighbours_in_sharing_order_share_the_most(given_sequences: list[Rendered]) -> None:
    ordered = in_sharing_order(given_sequences)
    assert sorted(map(id, ordered)) == sorted(map(id, given_sequences))
    for at, sequence in enumerate(ordered[1:], start=1):
        shared = [common_prefix(before.ids, sequence.ids) for before in ordered[:at]]
        assert max(shared) == shared[-1]


@given(st.lists(st.integers(0, 1)), st.lists(st.integers(0, 1)))
def test_the_common_prefix(first: list[int], second: list[int]) -> None:
    length = common_prefix(np.array(first), np.array(second))
    assert first[:length] == second[:length]
    assert length in (len(first), len(second)) or first[length] != second[length]


def test_one_prompt_under_two_answers_predicts_both_from_its_last_token() -> None:
    prompt = list(range(10))
    loss = [0.0] * 10 + [1.0, 1.0]
    forest = merge([rendered([*prompt, 20, 21], loss), rendered([*prompt, 30, 31], loss)])
    assert len(forest) == 10 + 2 + 2
    assert forest.positions.tolist() == [*range(10), 10, 11, 10, 11]
    assert predictions(forest)[tuple(prompt), 20] == predictions(forest)[tuple(prompt), 30] == 1


def test_a_sequence_given_twice_weighs_twice_and_is_computed_once() -> None:
    once = rendered(range(9), [0.0] * 5 + [1.0] * 4)
    forest = merge([once, once])
    assert len(forest) == 9 and forest.weights.tolist() == [2.0] * 4


def test_nothing_to_learn_is_no_target() -> None:
    forest = merge([rendered([1, 2, 3], [0.0] * 3)])
    assert len(forest.targets) == len(forest.predictors) == 0 and forest.supervised_tokens == 0
