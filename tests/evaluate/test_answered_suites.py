"""Suites of questions with answers: a user's own data, and public sets that are read like it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tutelage.data.options import SourceOptions
from tutelage.errors import UserError
from tutelage.evaluate.suite import SUITES, Given, Question, Reply
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.evaluate.suites.gsm8k import ANY, MARKED, number
from tutelage.metrics import METRICS

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "../shared/data"))
ROWS = [
    {"instruction": f"Name the capital of land {n}.", "output": f"Town {n}", "land": n % 2}
    for n in range(6)
]


def given(tmp_path: Path, rows: list[dict[str, Any]], **options: Any) -> Given:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    metrics = options.pop("metrics", ["exact_match", "token_f1"])
    use = SuiteOptions(data=[SourceOptions(path=str(path))], **options)
    return Given(use, metrics, files=DATA)


def asked(what: Given, name: str = "dataset") -> list[Question]:
    return SUITES.get(name).questions(what)


def test_every_row_is_asked_and_scored_as_its_metrics_score(tmp_path: Path) -> None:
    what = given(tmp_path, ROWS)
    questions = asked(what)
    assert [one.turns[-1].content for one in questions] == [row["instruction"] for row in ROWS]
    said = ["Town 0", "town 1.", "Town", "", "Town 5", "Town 5"]
    replies = [Reply(answers=(text,)) for text in said]
    first, second = SUITES.get("dataset").measures(what, questions, replies)
    assert (first.metric, first.primary, second.primary) == ("exact_match", True, False)
    references = [[str(row["output"])] for row in ROWS]
    for measure in (first, second):
        expected = METRICS.get(measure.metric).score(said, references).per_item
        assert measure.scores.per_item.tolist() == expected.tolist()


def test_solved_questions_are_shown_and_not_asked(tmp_path: Path) -> None:
    what = given(tmp_path, ROWS, few_shot=2)
    questions = asked(what)
    assert len(questions) == 4
    shown = questions[0].turns[:-1]
    assert [turn.role for turn in shown] == ["user", "assistant"] * 2
    own = {question.turns[-1].content for question in questions}
    assert all(question.turns[:-1] == shown for question in questions)
    assert own.isdisjoint(turn.content for turn in shown)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert asked(given(elsewhere, ROWS, few_shot=2)) == questions
    with pytest.raises(UserError, match="few_shot is 6"):
        asked(given(tmp_path, ROWS, few_shot=6))


def test_the_likeliest_choice_is_taken(tmp_path: Path) -> None:
    rows = [{"instruction": "Land?", "output": "Yes "}, {"instruction": "Sea?", "output": "no way"}]
    what = given(tmp_path, rows, choices=["yes", "No way"])
    questions = asked(what)
    assert [one.target["choice"] for one in questions] == [0, 1]
    replies = [
        Reply(likelihoods=(-1.0, -2.0), lengths=(1, 4)),
        Reply(likelihoods=(-1.0, -2.0), lengths=(1, 4)),
    ]
    whole, per_token = SUITES.get("dataset").measures(what, questions, replies)
    assert whole.scores.per_item.tolist() == [1, 0]
    assert per_token.scores.per_item.tolist() == [0, 1]
    assert whole.primary and not per_token.primary
    with pytest.raises(UserError, match=r"rows\.jsonl row 1.*none of the choices"):
        asked(given(tmp_path, rows, choices=["yes", "no"]))


def test_a_column_names_what_belongs_together(tmp_path: Path) -> None:
    questions = asked(given(tmp_path, ROWS, cluster="land"))
    assert [one.source for one in questions] == ["land 0", "land 1"] * 3
    with pytest.raises(UserError, match=r"row 0.*no 'sea'"):
        asked(given(tmp_path, ROWS, cluster="sea"))


def test_a_row_without_an_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"rows\.jsonl row 6"):
        asked(given(tmp_path, [*ROWS, {"instruction": "Name it.", "output": ""}]))


@pytest.mark.parametrize(
    ("text", "marked", "last"),
    [
        ("so 3 + 4 = 7\n#### 7", 7, 7),
        ("#### $1,000.50 in all", 1000.5, 1000.5),
        ("It is 12, or #### -3. Then 9.", -3, 9),
        ("#### 18\n\nNext problem: 2 + 3\n#### 5", 18, 5),
        ("It is twelve.", None, None),
        ("The answer is 18.", None, 18),
    ],
)
def test_numbers_in_answers(text: str, marked: float | None, last: float | None) -> None:
    assert number(MARKED, text) == marked
    assert number(ANY, text) == last


@pytest.mark.parametrize(
    ("name", "count", "primary"),
    [("gsm8k", 1319, "accuracy"), ("xquad", 1190, "token_f1"), ("dialogsum", 500, "rougeL")],
)
def test_public_sets_are_read_whole_and_their_own_answers_are_right(
    name: str, count: int, primary: str
) -> None:
    suite = SUITES.get(name)
    if not (DATA / suite.data).exists():
        pytest.skip(f"{DATA / suite.data} is not there")
    what = Given(SuiteOptions(suite=name), ["rougeL"], files=DATA)
    questions = suite.questions(what)
    assert len(questions) == len({one.key for one in questions}) == count
    some = questions[:40]
    replies = [Reply(answers=(one.target["references"][0],)) for one in some]
    first = suite.measures(what, some, replies)[0]
    assert (first.metric, first.primary) == (primary, True)
    assert first.scores.per_item.mean() == first.scale
    wrong = suite.measures(what, some, [Reply(answers=("?",))] * len(some))[0]
    assert wrong.scores.per_item.mean() == 0
