"""The plan of a sweep: its grid, its rungs, its budget."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.pipeline.grid import axis, combinations, full_key
from tutelage.pipeline.halving import Length, better, going_on, halvings, most_cost, within

LENGTHS = st.builds(
    Length,
    steps=st.integers(1, 300),
    validate_every=st.none() | st.integers(1, 50),
    unit=st.sampled_from([1.0, 0.5, 3.0]),
)


def test_four_trials_are_halved_twice() -> None:
    assert halvings(4) == 2
    assert [going_on(4, rung) for rung in range(3)] == [4, 2, 1]
    assert Length(80).rungs(2) == (20, 40, 80)
    # 4 trials to 20, 2 of them to 40, 1 of them to 80: 160 steps, where all four take 320.
    assert most_cost([Length(80)] * 4, 2) == 80 + 40 + 40
    assert most_cost([Length(80)] * 4, 0) == 320


@pytest.mark.parametrize(
    ("trials", "fields"), [(1, [1]), (2, [2, 1]), (3, [3, 2, 1]), (9, [9, 5, 3, 2])]
)
def test_the_field_is_halved_until_one_is_left(trials: int, fields: list[int]) -> None:
    assert [going_on(trials, rung) for rung in range(halvings(trials) + 1)] == fields


def test_the_lowest_losses_go_on_and_the_earlier_of_equal_ones() -> None:
    assert better({0: 2.0, 1: 1.0, 2: 1.0, 3: 1.0, 5: 0.5}, 3) == [1, 2, 5]
    assert better({2: 1.0}, 3) == [2]


@given(LENGTHS, st.integers(0, 3))
def test_rungs_rise_to_the_end_and_stand_where_the_trial_validates(
    length: Length, halved: int
) -> None:
    rungs = length.rungs(halved)
    assert len(rungs) == halved + 1
    assert list(rungs) == sorted(rungs)
    assert rungs[-1] == length.steps
    every = length.validate_every or -(-length.steps // 8)
    assert all(stop % every == 0 or stop == length.steps for stop in rungs)


@given(st.lists(LENGTHS, min_size=1, max_size=9), st.floats(0.5, 5000))
def test_a_budget_is_kept_and_used(lengths: list[Length], budget: float) -> None:
    halved = halvings(len(lengths))
    try:
        cut = within(lengths, halved, budget)
    except UserError:
        assert most_cost([length.capped(1) for length in lengths], halved) > budget
        return
    assert most_cost(cut, halved) <= budget
    longest = max(length.steps for length in cut)
    more = [length.capped(longest + 1) for length in lengths]
    assert more == lengths or most_cost(more, halved) > budget
    assert longest <= max(length.steps for length in lengths)
    assert all(
        after.steps == min(before.steps, longest)
        for before, after in zip(lengths, cut, strict=True)
    )


def test_a_long_run_is_cut_to_a_budget_at_once() -> None:
    lengths = [Length(10_000_000, 1000)] * 64
    started = time.perf_counter()
    (steps,) = {length.steps for length in within(lengths, 3, 1000)}
    assert most_cost([Length(steps)] * 64, 3) <= 1000
    assert time.perf_counter() - started < 2  # step by step it takes an hour


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("model.method", "model.method"),
        ("method", "model.method"),
        ("learning_rate", "train.learning_rate"),
        ("lora.rank", "model.lora.rank"),
        ("lr", "train.learning_rate"),
    ],
)
def test_a_short_key_means_one_setting(short: str, full: str) -> None:
    assert full_key(short, "--over") == full


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("target_modules=[a],[b]", r"could be model\.(.|\n)*in full"),
        ("learning_rte=1", "did you mean train.learning_rate"),
        ("method", "expected key=value"),
        ("method=full,", "expected key=value"),
        ("method=full,full", "twice"),
        ("data.seed=1,2", "cannot be varied"),
        ("model.base=a,b", "cannot be varied"),
        ("model=full", "no setting 'model' to vary"),
        ("rnak=4,8", "did you mean model.lora.rank"),
        ("data.test=4,8", "data.test cannot be varied"),
        ("dpo.beta=0.1,0.2", "cannot be varied"),
        ("unlikelihood.weight=1,2", "cannot be varied"),
    ],
)
def test_what_cannot_be_an_axis_is_said(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        axis(text)


def test_commas_in_brackets_do_not_part_values() -> None:
    assert axis("betas=[0.9,0.99],[0.9,0.999]").values == ("[0.9,0.99]", "[0.9,0.999]")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text("data: {train: a.jsonl}\n", encoding="utf-8")
    return path


def test_every_combination_is_a_recipe_of_its_own(recipe: Path) -> None:
    axes = [axis("method=full,lora"), axis("lr=1e-4,2e-4")]
    found = combinations(recipe, axes, ["train.epochs=1"])
    assert [(one.recipe.model.method, one.recipe.train.learning_rate) for one in found] == [
        *(("full", 1e-4), ("full", 2e-4), ("lora", 1e-4), ("lora", 2e-4))
    ]
    assert {one.recipe.train.epochs for one in found} == {1}
    assert [one.name for one in found] == [
        "01-full-1e_4",
        "02-full-2e_4",
        "03-lora-1e_4",
        "04-lora-2e_4",
    ]
    # A rate that depends on the method is the method's own.
    rates = [one.recipe.train.learning_rate for one in combinations(recipe, axes[:1])]
    assert rates == [2e-5, 2e-4]


def test_all_impossible_combinations_are_told_at_once(recipe: Path) -> None:
    axes = [axis("method=full,lora"), axis("lora.rank=4,8"), axis("epochs=1,-1")]
    with pytest.raises(UserError) as error:
        combinations(recipe, axes)
    text = str(error.value)
    assert "6 of 8 combinations are impossible; nothing was run" in text
    assert "method=full, rank=4, epochs=1: " in text and "does not use them" in text
    assert "method=lora, rank=8, epochs=-1: " in text and "greater than 0" in text


def test_a_grid_is_small_and_holds_nothing_twice(recipe: Path) -> None:
    with pytest.raises(UserError, match="over the limit of 64"):
        combinations(recipe, [axis(f"rank={','.join(map(str, range(1, 66)))}")])
    with pytest.raises(UserError, match="are the same recipe"):
        combinations(recipe, [axis("lr=1e-4,0.0001")])
    with pytest.raises(UserError, match="varied twice"):
        combinations(recipe, [axis("lr=1"), axis("learning_rate=2")])
