"""Splits: disjoint, exact, in proportion, seeded by content, and free of leaks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.data import Example, Fate, Ledger, Message, Source, Splits
from tutelage.data.normalise import normalised, prompt_key
from tutelage.data.options import DataOptions, SourceOptions
from tutelage.data.splits import split
from tutelage.errors import UserError

Rows = list[tuple[str, str]]
"""Prompt and task of each row."""


def examples(rows: Rows, ledger: Ledger, file: str = "train") -> list[Example]:
    made = []
    for row, (prompt, task) in enumerate(rows):
        source = Source(file, row)
        ledger.register(source, task, file)
        turns = (Message("user", prompt), Message("assistant", f"{file} {row}"))
        made.append(Example(turns, source, task=task))
    return made


def divided(rows: Rows, own: dict[str, Rows] | None = None, **settings: Any) -> Splits:
    """The splits of rows; `own` are the rows of validation or test files."""
    ledger = Ledger()
    options = DataOptions(train=[SourceOptions(path="x")], **settings)
    given_ = {
        name: examples(own[name], ledger, name) if own and name in own else setting
        for name, setting in (("validation", options.validation), ("test", options.test))
    }
    return split(examples(rows, ledger), options=options, ledger=ledger, **given_)


def prompts(part: list[Example]) -> set[str]:
    return {normalised(example.prompt[0].content) for example in part}


def sources(parts: Splits) -> set[Source]:
    return {example.source for example in parts.train}


def distinct(count: int, tasks: str = "a") -> Rows:
    return [(f"prompt {i}", tasks[i % len(tasks)]) for i in range(count)]


WORDS = st.sampled_from(["one", "two", "ONE ", "ﬁve", "five", "six", "seven", "eight", "nine\n"])
ROWS = st.lists(st.tuples(WORDS, st.sampled_from("abc")), min_size=3, max_size=40)
SETTING = st.one_of(st.integers(0, 6), st.sampled_from([0.0, 0.05, 0.1, 0.3]))


@given(
    rows=ROWS,
    validation=st.one_of(SETTING, ROWS),
    test=st.one_of(SETTING, ROWS),
    hold=st.lists(st.sampled_from("abc"), max_size=2),
    how=st.fixed_dictionaries(
        {"split_by": st.sampled_from(["row", "task"]), "seed": st.integers(0, 99)}
    ),
)
def test_nothing_is_on_two_sides_and_nothing_is_lost(
    rows: Rows, validation: Any, test: Any, hold: list[str], how: dict[str, Any]
) -> None:
    own = {
        name: setting
        for name, setting in (("validation", validation), ("test", test))
        if isinstance(setting, list)
    }
    settings = {
        name: [SourceOptions(path="x")] if name in own else setting
        for name, setting in (("validation", validation), ("test", test))
    }
    try:
        parts = divided(rows, own, holdout={"tasks": hold}, **how, **settings)
    except UserError:
        return  # nothing left to train on, or an unknown task: tested below
    sides = [parts.train, parts.validation, parts.test]
    for i, side in enumerate(sides):
        for other in sides[i + 1 :]:
            assert prompts(side).isdisjoint(prompts(other))
    kept = [example.source for side in sides for example in side]
    assert len(set(kept)) == len(kept)
    counts = parts.ledger.counts()
    assert counts["kept"] == len(kept)
    assert counts["kept"] + counts["dropped"] == len(parts.ledger)
    assert parts.ledger.lost() == 0
    table = parts.ledger.table().filter(fate="kept")
    assert Counter(table["split"]) == Counter(
        train=len(parts.train), validation=len(parts.validation), test=len(parts.test)
    )
    for side in (parts.train, parts.validation):
        assert parts.held_out_tasks.isdisjoint({example.task for example in side})
    assert set(hold) <= parts.held_out_tasks


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    validation=st.one_of(st.integers(0, 20), st.floats(0, 0.45)),
    test=st.one_of(st.integers(0, 20), st.floats(0, 0.45)),
    seed=st.integers(0, 9),
)
def test_totals_are_exact_and_tasks_in_proportion(
    sizes: list[int], validation: float, test: float, seed: int
) -> None:
    rows = [(f"{task} {i}", str(task)) for task, size in enumerate(sizes) for i in range(size)]
    total = len(rows)
    numbers = {
        name: setting if isinstance(setting, int) else max(1, round(setting * total))
        for name, setting in (("validation", validation), ("test", test))
        if setting
    }
    if sum(numbers.values()) >= total:
        return
    parts = divided(rows, validation=validation, test=test, seed=seed)
    assert len(parts.validation) == numbers.get("validation", 0)
    assert len(parts.test) == numbers.get("test", 0)
    found = Counter(example.task for example in parts.test)
    for task, size in enumerate(sizes):
        assert abs(found[str(task)] - numbers.get("test", 0) * size / total) < 1


@given(rows=ROWS, seed=st.integers(0, 9), random=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_split(rows: Rows, seed: int, random: Any) -> None:
    shuffled = random.sample(rows, len(rows))
    try:
        parts = divided(rows, validation=1, test=0.2, seed=seed)
    except UserError:
        return
    again = divided(shuffled, validation=1, test=0.2, seed=seed)
    for side, other in ((parts.train, again.train), (parts.test, again.test)):
        assert prompts(side) == prompts(other)


@given(extra=st.integers(0, 10**6), seed=st.integers(0, 9))
def test_another_row_moves_hardly_any(extra: int, seed: int) -> None:
    rows = distinct(60)
    before = divided(rows, validation=6, test=6, seed=seed)
    after = divided([*rows, (f"extra {extra}", "a")], validation=6, test=6, seed=seed)
    assert len(prompts(before.test) ^ prompts(after.test)) <= 2
    assert len(prompts(before.validation) ^ prompts(after.validation)) <= 4


def test_the_seed_decides() -> None:
    chosen = {frozenset(prompts(divided(distinct(40), seed=seed).test)) for seed in range(5)}
    assert len(chosen) == 5


def test_each_split_keeps_the_order_of_reading() -> None:
    parts = divided(distinct(100, "ab"))
    for side in (parts.train, parts.validation, parts.test):
        assert side == sorted(side, key=lambda example: example.source.row)


def test_copies_are_dropped_from_training_and_marked() -> None:
    own = {"test": [("What is  ﬁt?", "a")], "validation": [("b", "a"), ("WHAT IS FIT?", "a")]}
    rows = [("what is fit?", "a"), ("c", "a"), ("B", "a"), (" C", "a")]
    sources = [SourceOptions(path="x")]
    parts = divided(rows, own, validation=sources, test=sources)
    assert [example.source for example in parts.train] == [("train", 1), ("train", 3)]
    assert [example.source for example in parts.validation] == [("validation", 0)]
    assert parts.ledger.reasons() == {"duplicate_of_test": 3}
    assert parts.ledger.fate(Source("train", 0)) == Fate.DROPPED
    assert parts.ledger.lost() == 0


def test_held_out_tasks_are_tested_only_wherever_they_stand() -> None:
    own = {"validation": [("v1", "b"), ("v2", "a")]}
    rows = [("1", "a"), ("2", "b"), ("3", "a"), ("4", "c")]
    sources = [SourceOptions(path="x")]
    parts = divided(rows, own, validation=sources, test=0, holdout={"tasks": ["b"]})
    assert prompts(parts.test) == {"2", "v1"}
    assert prompts(parts.validation) == {"v2"}
    assert prompts(parts.train) == {"1", "3", "4"}
    assert parts.held_out_tasks == {"b"}


@given(rows=ROWS, sizes=st.lists(st.integers(1, 45), min_size=2), seed=st.integers(0, 9))
def test_subsets_of_a_seed_are_nested_and_change_no_other_split(
    rows: Rows, sizes: list[int], seed: int
) -> None:
    try:
        whole = divided(rows, validation=1, test=1)
    except UserError:
        return  # nothing left to train on
    larger = sources(whole)
    for size in sorted(sizes, reverse=True):
        parts = divided(rows, validation=1, test=1, subset={"examples": size, "seed": seed})
        assert len(parts.train) == min(size, len(whole.train))
        assert parts.train == [example for example in whole.train if example in parts.train]
        assert sources(parts) <= larger
        assert (parts.validation, parts.test) == (whole.validation, whole.test)
        left = len(whole.train) - len(parts.train)
        assert parts.ledger.reasons().get("not_sampled", 0) == left
        larger = sources(parts)


def test_the_seed_of_a_subset_decides_and_the_order_of_rows_does_not() -> None:
    rows = distinct(200)
    drawn = [divided(rows, subset={"examples": 50, "seed": seed}).train for seed in (0, 1)]
    assert 5 <= len(prompts(drawn[0]) & prompts(drawn[1])) <= 25  # 14 to be expected
    turned = divided(rows[::-1], subset={"examples": 50, "seed": 1}).train
    assert prompts(turned) == prompts(drawn[1])


def test_an_unknown_held_out_task_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"data\.holdout\.tasks(.|\n)*did you mean summary"):
        divided([("1", "summary"), ("2", "b")], holdout={"tasks": ["sumary"]})


def test_a_pattern_holds_out_the_cluster_it_matches() -> None:
    rows = [("1", "mctaco_order"), ("2", "mctaco_time"), ("3", "qasc"), ("4", "[qasc]")]
    parts = divided(rows, test=0, validation=0, holdout={"tasks": ["mctaco_*"]})
    assert parts.held_out_tasks == {"mctaco_order", "mctaco_time"}
    assert prompts(parts.train) == {"3", "4"}
    # A name that looks like a pattern stands for itself.
    parts = divided(rows, test=0, validation=0, holdout={"tasks": ["[qasc]"]})
    assert parts.held_out_tasks == {"[qasc]"}
    with pytest.raises(UserError, match="nothing is left to train on"):
        divided(rows, test=0, validation=0, holdout={"tasks": ["*"]})
    with pytest.raises(UserError, match=r"unknown task 'mctaco_ordr\*'(.|\n)*mctaco_order"):
        divided(rows, holdout={"tasks": ["mctaco_ordr*"]})


def test_whole_tasks_are_set_aside() -> None:
    parts = divided(distinct(100, "abcdefghij"), split_by="task", validation=0.1, test=2)
    tasks = [{e.task for e in side} for side in (parts.train, parts.validation, parts.test)]
    assert [len(found) for found in tasks] == [7, 1, 2]
    assert parts.held_out_tasks == tasks[2]
    assert len(parts.test) == 20


@pytest.mark.parametrize(
    ("rows", "settings", "said"),
    [
        (3, {"test": 5}, "data.test: 5 examples are to be set aside, of 3"),
        (3, {"test": 2, "validation": 2}, "data.validation: 2 examples are to be set aside, of 1"),
        (2, {"test": 1, "validation": 1}, "nothing is left to train on: of 2 rows read, 1 are"),
        (3, {"test": 2, "split_by": "task"}, "data.test: 2 tasks are to be set aside, of 1"),
        (3, {"holdout": {"tasks": ["a"]}}, "nothing is left to train on"),
    ],
)
def test_impossible_settings_are_errors(rows: int, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        divided(distinct(rows), **settings)
    assert said in str(caught.value)


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once
    assert normalised(f"  {text}\n") == once


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=20))
def test_the_fast_path_for_ascii_is_the_general_one(text: str) -> None:
    marked = normalised(text + " é")
    assert normalised(text + " e") == marked.removesuffix("é") + "e"


def test_prompts_differ_by_what_was_said_and_by_whom() -> None:
    def key(*turns: tuple[Any, str]) -> bytes:
        messages = tuple(Message(role, text) for role, text in turns)
        return prompt_key(Example((*messages, Message("assistant", "z")), Source("f", 0)))

    same = key(("user", "a b"))
    assert key(("user", "A\u00a0 B")) == same
    assert key(("user", "ab")) != same
    assert key(("system", "a"), ("user", "b")) != key(("user", "a"), ("user", "b"))
    assert key(("user", "a\0user\0b")) != key(("user", "a"), ("user", "b"))
