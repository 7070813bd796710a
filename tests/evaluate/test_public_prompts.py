"""T0's prompts and Self-Instruct's user-oriented instructions, read as they are published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tutelage.errors import UserError
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, NotAsked
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.evaluate.suites.t0 import DATASETS, dataset_of


def asked(suite: str, folder: Path) -> list[Question]:
    return SUITES.get(suite).questions(Given(SuiteOptions(suite=suite), files=folder))


def written(path: Path, *rows: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def test_each_dataset_is_a_part_whatever_its_wordings(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"Which topic has {at}?", "completion": f"{at}<|endoftext|>"} for at in range(3)
    ]
    written(tmp_path / "t0/ag_news_classify.jsonl", *rows)
    written(
        tmp_path / "t0/ag_news_with_choices.jsonl",
        {"prompt": "Topic? " + "word " * 700, "completion": "a"},
        {"prompt": "Topic of this?", "completion": "  <|endoftext|>"},
        {"prompt": "Sports or arts?", "completion": "Arts"},
    )
    written(tmp_path / "t0/unheard_of.jsonl", {"prompt": "What?", "completion": "That"})
    questions = asked("t0", tmp_path)
    assert [(one.key, one.task) for one in questions] == [
        *((f"ag_news_classify-{at}", "ag_news") for at in range(3)),
        ("ag_news_with_choices-2", "ag_news"),  # too long, and without an answer, are the others
        ("unheard_of-0", "unheard_of"),
    ]
    assert [one.target["references"] for one in questions] == [
        ["0"],
        ["1"],
        ["2"],
        ["Arts"],
        ["That"],
    ]
    answers = ["0", "no", "2", "Arts", "That"]
    given = Given(SuiteOptions(suite="t0"))
    found = SUITES.get("t0").measures(given, questions, [Reply(answers=(a,)) for a in answers])
    right = {
        one.task: one.aggregate(one.scores.statistics.sum(axis=0)) / one.scale
        for one in found
        if one.metric == "exact_match"
    }
    assert right == {"": 0.8, "ag_news": 0.75, "unheard_of": 1.0}
    assert [one.metric for one in found if one.primary] == ["rougeL"]


def test_the_longest_name_of_a_dataset_counts() -> None:
    assert {dataset_of(f"{name}_based_on") for name in DATASETS} == set(DATASETS)


def test_user_oriented_instructions_have_their_input(tmp_path: Path) -> None:
    instances = [{"input": "Six words are here, not two.", "output": "Six."}]
    row = {"id": "user_oriented_task_0", "instruction": "Shorten this.", "instances": instances}
    written(tmp_path / "self_instruct/user_oriented_instructions.jsonl", row)
    (question,) = asked("user_oriented", tmp_path)
    assert question.turns[-1].content.startswith("Shorten this.")
    assert "Six words are here" in question.turns[-1].content
    assert question.target["references"] == ["Six."]


@pytest.mark.parametrize(
    ("rows", "error", "said"),
    [
        ([], NotAsked, "no"),
        ([{"prompt": "word " * 601, "completion": "a"}], NotAsked, "more than 600 words"),
        ([{"prompt": "word"}], UserError, "completion"),
    ],
)
def test_files_that_cannot_be_asked(
    tmp_path: Path, rows: list[object], error: type[Exception], said: str
) -> None:
    if rows:
        written(tmp_path / "t0/trec_open.jsonl", *rows)
    with pytest.raises(error, match=said):
        asked("t0", tmp_path)
