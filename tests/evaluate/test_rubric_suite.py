"""Answers graded by a judge: by hand, without a judgement, and beside people's grades."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from bias_suites import values

from tutelage.data.example import Example, Message, Source
from tutelage.data.options import SourceOptions
from tutelage.errors import UserError
from tutelage.evaluate.gradings import agreement_on_grades, read_graded
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.preferences import Judge
from tutelage.evaluate.question import Reply
from tutelage.evaluate.suite import SUITES, Given, NotAsked
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.judge import CRITERIA, Fence
from tutelage.pipeline.suites.compare import compare_evaluations
from tutelage.pipeline.suites.job import Asked, Side, conclude
from tutelage.pipeline.suites.planning import plan

SUITE = "rubric"
PROMPTS = {"Name a fruit.": "plants", "Name a tree.": "plants", "Name a bird.": "animals"}


class Grader:
    """A judge that reads its grades in the answer ("4 5 3 5"), and is silent about the rest."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, questions: Sequence[Sequence[Message]]) -> list[str | None]:
        self.asked += [question[0].content for question in questions]
        return [self.said(question[-1].content) for question in questions]

    def said(self, text: str) -> str | None:
        (answer,) = re.findall(r"<response \w+>\n(.*?)\n</", text, re.DOTALL)
        found = [int(digit) for digit in re.findall(r"\d", answer)]
        if len(found) != len(CRITERIA):
            return None
        ratings = zip(CRITERIA, found, strict=True)
        return json.dumps({name: {"reason": "so", "score": score} for name, score in ratings})


def given(who: Grader | None, **options: object) -> Given:
    examples = [
        Example(
            (Message("user", text), Message("assistant", "Some.")), Source("own", row), task=one
        )
        for row, (text, one) in enumerate(PROMPTS.items())
    ]
    use = SuiteOptions.model_validate({"suite": SUITE, **options})
    judge = Judge(who or Grader(), Fence(b"secret"), lambda: {"model": "grader"})
    return Given(use, ["rougeL"], examples=examples, judge=None if who is None else lambda: judge)


def replies(*answers: str) -> list[Reply]:
    return [Reply(answers=(answer,)) for answer in answers]


BASE = replies("2 2 2 2", "5 1 3 5", "4 4 4 4")
TUNED = replies("4 3 4 5", "5 1 3 5", "no grade")


def test_criteria_their_mean_and_the_tasks() -> None:
    who, suite = Grader(), SUITES.get(SUITE)
    of = given(who)
    questions = suite.questions(of)
    found = suite.judged(of, questions, BASE, TUNED)
    assert len(who.asked) == 5  # the answer that both give is graded once
    base, tuned = (suite.measures(of, questions, side) for side in (found.base, found.tuned))
    # The bird has no judgement of one answer: both count as 3.
    assert values(base)["graded"] == pytest.approx((2 + 3.5 + 3) / 3)
    assert values(tuned)["graded"] == pytest.approx((4 + 3.5 + 3) / 3)
    assert values(tuned)["correctness"] == pytest.approx((3 + 1 + 3) / 3)
    assert values(tuned)["judged"] == pytest.approx(2 / 3)
    parts = {one.task: list(one.scores.per_item) for one in tuned if one.task}
    assert parts == {"plants": [4.0, 3.5], "animals": [3.0]}


def test_prompts_of_a_file_and_a_rubric_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "Name a river.", "response": "The Rhine."}\n')
    who, suite = Grader(), SUITES.get(SUITE)
    of = given(who, data=[SourceOptions(path=str(path))], rubric="following: rivers only.")
    questions = suite.questions(of)
    assert [one.turns[-1].content for one in questions] == ["Name a river."]
    suite.judged(of, questions, replies("1 1 1 1"), replies("5 5 5 5"))
    assert all("rivers only" in told for told in who.asked)


def people(path: Path, rows: Sequence[tuple[str, int]]) -> Path:
    lines = [{"prompt": "Say.", "answer": a, "grades": {"clarity": grade}} for a, grade in rows]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_agreement_with_people_is_quadratic_kappa(tmp_path: Path) -> None:
    judged, graded = [1, 2, 3, 4, 5, 3], [1, 2, 4, 4, 3, 3]
    rows = [(f"5 5 {said} 5", grade) for said, grade in zip(judged, graded, strict=True)]
    path = people(tmp_path / "people.jsonl", [*rows, ("no grade", 5)])
    judge = given(Grader()).judge
    assert judge is not None
    found = agreement_on_grades(judge(), path)
    assert (found["items"], found["judged"], list(found["criteria"])) == (7, 6, ["clarity"])
    clarity = found["criteria"]["clarity"]
    assert clarity["same"] == pytest.approx(4 / 6)
    observed = sum((a - b) ** 2 for a, b in zip(judged, graded, strict=True)) / 6
    expected = sum((a - b) ** 2 for a in judged for b in graded) / 36
    assert clarity["kappa"] == pytest.approx(1 - observed / expected)
    assert clarity["kappa_interval"][0] <= clarity["kappa"] <= clarity["kappa_interval"][1]
    assert -1 <= clarity["alpha"] <= 1


def test_one_grade_alone_has_no_kappa(tmp_path: Path) -> None:
    judge = given(Grader()).judge
    assert judge is not None
    found = agreement_on_grades(judge(), people(tmp_path / "p.jsonl", [("3 3 3 3", 3)] * 2))
    assert found["criteria"]["clarity"]["kappa"] is None


def test_grades_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 1, grades\.clarity"):
        read_graded(people(tmp_path / "people.jsonl", [("x", 6)]))


def test_one_model_or_no_judge_is_not_asked() -> None:
    with pytest.raises(NotAsked, match=r"evaluate\.judge\.model"):
        SUITES.get(SUITE).questions(given(None))


def test_grades_are_kept_and_compared_again_without_the_judge(tmp_path: Path) -> None:
    graded = people(tmp_path / "people.jsonl", [("1 1 1 1", 1), ("1 1 4 1", 4)])
    of = given(Grader())
    options = EvaluateOptions(resamples=200)
    use = SuiteOptions(suite=SUITE, people=str(graded))
    plans = plan(options, [use], of.examples, judge=of.judge)
    sides = {
        side: Side(side, f"content of {side}", "renderer", {SUITE: Asked(plans[0], said, 0.0)})
        for side, said in (("base", BASE), ("tuned", TUNED))
    }
    folder = tmp_path / "run" / "suites"
    results = conclude(folder, plans, sides, options)
    (about,) = results["suites"]
    assert about["judge"]["people"]["criteria"]["clarity"]["kappa"] == 1.0
    again = compare_evaluations([folder / "base", folder / "tuned"], options, tmp_path / "out")
    (beside,) = again.values()
    first, second = (
        {
            (row["metric"], row["task"]): (row["base"], row["tuned"], row["interval"])
            for row in found["measures"]
        }
        for found in (results, beside)
    )
    assert first == second
