"""Conversations of several turns: each answer is graded with what stands before it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from bias_suites import values
from test_rubric_suite import Grader

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.preferences import Judge
from tutelage.evaluate.question import Reply
from tutelage.evaluate.suite import SUITES, Given, NotAsked
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.judge import CRITERIA, Fence

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "../shared/data"))
SUITE = "mt_bench"
ROWS = [
    {"question_id": 1, "category": "writing", "turns": ["Write.", "Shorter."]},
    {"question_id": 2, "category": "math", "turns": ["Add.", "Again."]},
]


def given(tmp_path: Path, who: Grader | None, rows: list[dict[str, object]] = ROWS) -> Given:
    path = tmp_path / "mt_bench/question.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    judge = Judge(who or Grader(), Fence(b"secret"), lambda: {"model": "grader"})
    use = SuiteOptions(suite=SUITE)
    return Given(use, files=tmp_path, judge=None if who is None else lambda: judge)


def test_turns_are_graded_one_by_one_and_averaged(tmp_path: Path) -> None:
    of, suite = given(tmp_path, Grader()), SUITES.get(SUITE)
    questions = suite.questions(of)
    assert [one.then for one in questions] == [("Shorter.",), ("Again.",)]
    base = [Reply(answers=("1 1 1 1", "3 3 3 3")), Reply(answers=("2 2 2 2", "none"))]
    tuned = [Reply(answers=("5 5 5 5", "4 4 4 4")), Reply(answers=("2 2 2 2", "5 5 5 5"))]
    found = suite.judged(of, questions, base, tuned)
    one, other = (suite.measures(of, questions, side) for side in (found.base, found.tuned))
    # A turn that one of the two has no judgement of counts as the middle for both.
    turns = {"turn_1": 1.5, "turn_2": 3.0, "judged": 0.75}
    assert values(one) == {**dict.fromkeys(("graded", *CRITERIA), 2.25), **turns}
    turns = {"turn_1": 3.5, "turn_2": 3.5, "judged": 0.75}
    assert values(other) == {**dict.fromkeys(("graded", *CRITERIA), 3.5), **turns}
    assert values(other, "writing") == {"graded": 4.5}
    assert [measure.metric for measure in one if measure.primary] == ["graded"]
    blank = [suite.blank(question) for question in questions]
    assert [m.metric for m in suite.measures(of, questions, blank)] == [m.metric for m in one]


def test_a_later_answer_is_graded_behind_the_model_s_own_earlier_one(tmp_path: Path) -> None:
    class Reader(Grader):
        def said(self, text: str) -> str | None:
            if "Shorter." in text:
                seen.append(text)
            return super().said(text)

    seen: list[str] = []
    of, suite = given(tmp_path, Reader(), ROWS[:1]), SUITES.get(SUITE)
    questions = suite.questions(of)
    suite.judged(of, questions, [Reply(answers=("mine", "x"))], [Reply(answers=("another", "y"))])
    first, second = (text for text in seen if "mine" in text), (t for t in seen if "another" in t)
    assert "another" not in next(first)
    assert "mine" not in next(second)


def test_the_conversation_goes_on_from_the_answers(tmp_path: Path) -> None:
    (question, _) = SUITES.get(SUITE).questions(given(tmp_path, Grader()))
    assert question.followed([]) == question.turns
    assert question.followed(["Once."]) == (
        Message("user", "Write."),
        Message("assistant", "Once."),
        Message("user", "Shorter."),
    )
    assert replace(question, then=()).followed(["Once."]) == question.turns


def test_people_are_heard_here_too(tmp_path: Path) -> None:
    (tmp_path / "people.jsonl").write_text(
        '{"prompt": "p", "answer": "4 4 4 4", "grades": {"clarity": 4}}\n' * 2
    )
    of, suite = given(tmp_path, Grader()), SUITES.get(SUITE)
    use = of.options.model_copy(update={"people": str(tmp_path / "people.jsonl")})
    of = replace(of, options=use)
    questions = suite.questions(of)
    replies = [Reply(answers=("1 1 1 1", "3 3 3 3"))] * 2
    assert "people" in suite.judged(of, questions, replies, replies).about
    (tmp_path / "people.jsonl").write_text("no rows")
    with pytest.raises(UserError, match=r"people\.jsonl"):
        suite.questions(of)


def test_what_is_no_conversation_is_named_and_a_judge_is_needed(tmp_path: Path) -> None:
    with pytest.raises(NotAsked, match=r"evaluate\.judge"):
        SUITES.get(SUITE).questions(given(tmp_path, None))
    for row, what in ({"turns": "x"}, "question_id"), ({**ROWS[0], "turns": [1]}, "list of texts"):
        with pytest.raises(UserError, match=f"(?s){what}.*|line 1"):
            SUITES.get(SUITE).questions(given(tmp_path, Grader(), [row]))


def test_the_published_set_is_read_whole(tmp_path: Path) -> None:
    if not (DATA / "mt_bench").exists():
        pytest.skip(f"{DATA / 'mt_bench'} is not there")
    of = replace(given(tmp_path, Grader()), files=DATA)
    questions = SUITES.get(SUITE).questions(of)
    assert len(questions) == 80
    assert {len(one.then) for one in questions} == {1}
    assert len({one.task for one in questions}) == 8
