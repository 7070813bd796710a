"""HumanEval and MBPP as suites: published solutions pass, others do not, samples give pass@k."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bias_suites import asked, given, measured, published, values

from tutelage.errors import UserError
from tutelage.evaluate import programs
from tutelage.evaluate.question import Reply
from tutelage.evaluate.suite import SUITES, Given, NotAsked
from tutelage.evaluate.suite_options import SuiteOptions

FILES = {"humaneval": "humaneval/HumanEval.jsonl.gz", "mbpp": "mbpp/mbpp.jsonl"}
SUM = "def add(a, b):\n    return a + b\n"
DIFFERENCE = "def add(a, b):\n    return a - b\n"
MBPP_ROW = {"task_id": 11, "text": "Add two numbers.", "test_list": ["assert add(1, 2) == 3"]}
HUMANEVAL_ROW = {
    "task_id": "own/0",
    "prompt": 'def add(a, b):\n    """Add two numbers."""\n',
    "entry_point": "add",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
}
ROWS: dict[str, dict[str, Any]] = {"humaneval": HUMANEVAL_ROW, "mbpp": MBPP_ROW}


@pytest.fixture(autouse=True)
def isolation() -> None:
    try:
        programs.check_sandbox()
    except NotAsked as reason:
        pytest.skip(str(reason))


def written(folder: Path, suite: str, *rows: object) -> Path:
    path = folder / FILES[suite]
    path.parent.mkdir()
    content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return folder


def fenced(source: str) -> Reply:
    return Reply(answers=(f"Here it is.\n\n```python\n{source.rstrip()}\n```\n",))


def solutions(suite: str, folder: Path) -> dict[str, str]:
    path = folder / FILES[suite]
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = map(json.loads, content.splitlines())
    if suite == "mbpp":
        return {str(row["task_id"]): row["code"] for row in rows}
    return {row["task_id"]: row["prompt"] + row["canonical_solution"] for row in rows}


@pytest.mark.parametrize(("suite", "size"), [("humaneval", 164), ("mbpp", 500)])
def test_published_solutions_pass_and_those_of_others_do_not(suite: str, size: int) -> None:
    folder = published(suite)
    questions = asked(suite, folder)
    assert len({question.key for question in questions}) == len(questions) == size
    assert {(q.samples, q.temperature) for q in questions} == {(1, 0.0)}
    # What is kept of a question is JSON, and enough to score its replies.
    some = [
        replace(question, target=json.loads(json.dumps(question.target)))
        for question in questions[:8]
    ]
    assert [one.target for one in some] == [one.target for one in questions[:8]]
    own = [fenced(solutions(suite, folder)[question.key]) for question in some]
    assert values(measured(suite, some, own)) == {"pass_at_1": 1.0}
    assert values(measured(suite, some, [*own[1:], own[0]])) == {"pass_at_1": 0.0}


@pytest.mark.parametrize("suite", ROWS)
def test_samples_give_pass_at_k(suite: str, tmp_path: Path) -> None:
    folder = written(tmp_path, suite, ROWS[suite])
    options = SuiteOptions(suite=suite, samples=5)
    (question,) = SUITES.get(suite).questions(Given(options, files=folder))
    assert (question.samples, question.temperature) == (5, programs.TEMPERATURE)
    right, wrong = fenced(SUM).answer, fenced(DIFFERENCE).answer
    found = measured(suite, [question], [Reply(answers=(wrong, right, wrong, right, wrong))])
    # Of ten pairs of samples three are wrong both times.
    expected = {"pass_at_1": 0.4, "pass_at_2": 0.7, "pass_at_5": 1.0}
    assert values(found) == pytest.approx(expected)
    assert [one.metric for one in found if one.primary] == ["pass_at_1"]
    assert [one.scores.signature.split("|")[1] for one in found] == ["k:1", "k:2", "k:5"]


def test_mbpp_shows_its_tests_and_keeps_to_the_test_split(tmp_path: Path) -> None:
    rows = [{**MBPP_ROW, "task_id": number} for number in (10, 11, 510, 511)]
    questions = asked("mbpp", written(tmp_path, "mbpp", *rows))
    assert [question.key for question in questions] == ["11", "510"]
    assert "assert add(1, 2) == 3" in questions[0].turns[0].content


def test_humaneval_shows_no_tests(tmp_path: Path) -> None:
    (question,) = asked("humaneval", written(tmp_path, "humaneval", HUMANEVAL_ROW))
    prompt = question.turns[0].content
    assert "def add(a, b):" in prompt
    assert "candidate" not in prompt
    # An answer without a block goes on where the prompt ends.
    assert values(measured("humaneval", [question], [Reply(answers=("    return a + b",))])) == {
        "pass_at_1": 1.0
    }


@pytest.mark.parametrize(
    ("suite", "defect"),
    [
        ("humaneval", {"test": None}),
        ("humaneval", {"test": "def check("}),
        ("mbpp", {"test_list": []}),
        ("mbpp", {"test_list": ["import numpy"]}),
        ("mbpp", {"task_id": "eleven"}),
    ],
)
def test_broken_rows_are_named(suite: str, defect: dict[str, Any], tmp_path: Path) -> None:
    folder = written(tmp_path, suite, ROWS[suite], ROWS[suite] | defect)
    with pytest.raises(UserError) as caught:
        asked(suite, folder)
    assert (caught.value.where or "").endswith("row 1")
    assert caught.value.fix


def test_a_file_without_the_test_split_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="test split"):
        asked("mbpp", written(tmp_path, "mbpp", MBPP_ROW | {"task_id": 1}))


@pytest.mark.parametrize("suite", ROWS)
def test_where_programs_cannot_be_isolated_nothing_is_asked(
    suite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, suite, ROWS[suite])
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(NotAsked, match=r"cannot be run here: .*darwin"):
        SUITES.get(suite).questions(given(suite, tmp_path))


def test_a_question_is_none_without_a_file(tmp_path: Path) -> None:
    for suite, file in FILES.items():
        with pytest.raises(NotAsked, match=file):
            SUITES.get(suite).questions(given(suite, tmp_path))
