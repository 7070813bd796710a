"""Preferences of a judge: shares by hand, length against a naive line, agreement with people."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from bias_suites import values

from tutelage.data.example import Example, Message, Source
from tutelage.errors import UserError
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.preferences import Judge, agreement_with_people, read_labelled
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, NotAsked
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.evaluate.suites.preference import equal_length_share
from tutelage.judge import Fence
from tutelage.pipeline.suites.compare import compare_evaluations
from tutelage.pipeline.suites.job import Asked, Side, conclude
from tutelage.pipeline.suites.planning import Planned, plan
from tutelage.rundir import read_json

SUITE = "preference"
PROMPTS = ("Name a fruit.", "Name a tree.", "Name a bird.", "Name a river.")


class Opinions:
    """A judge that prefers good answers, is moved by nothing else, and is silent on request."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, questions: Sequence[Sequence[Message]]) -> list[str | None]:
        self.asked += len(questions)
        return [self.said(question[-1].content) for question in questions]

    def said(self, text: str) -> str | None:
        found = re.findall(r"<(?:first|second) response \w+>\n(.*?)\n</", text, re.DOTALL)
        first, second = ("good" in answer for answer in found)
        if any("silence" in answer for answer in found):
            return None
        if any("place" in answer for answer in found):
            return json.dumps({"reason": "it came first", "better": "first"})
        better = "tie" if first == second else "first" if first else "second"
        return json.dumps({"reason": "so it is", "better": better})


def judge(ask: Opinions, people: Path | None = None) -> Judge:
    return Judge(ask, Fence(b"secret"), lambda: {"model": "opinions"}, people)


def given(who: Judge | None) -> Given:
    examples = [
        Example((Message("user", text), Message("assistant", "Some.")), Source("own", row))
        for row, text in enumerate(PROMPTS)
    ]
    use = SuiteOptions(suite=SUITE)
    return Given(use, ["rougeL"], examples=examples, judge=None if who is None else lambda: who)


def replies(*answers: str) -> list[Reply]:
    return [Reply(answers=(answer,)) for answer in answers]


BASE = replies("a plum", "a good oak", "first place", "none")
TUNED = replies("a good pear", "an elm", "a finch", "none")


def test_shares_sum_to_one_and_a_love_of_places_is_a_tie() -> None:
    ask = Opinions()
    of, suite = given(judge(ask)), SUITES.get(SUITE)
    questions = suite.questions(of)
    found = suite.judged(of, questions, BASE, TUNED)
    assert ask.asked == 6  # three pairs in both orders; equal answers are not asked about
    base, tuned = (values(suite.measures(of, questions, one)) for one in (found.base, found.tuned))
    assert tuned["preferred"] == base["preferred"] == 0.5
    assert [reply.verdicts[0] for reply in found.tuned] == [1, 0, 0.5, 0.5]
    assert tuned["orders_agree"] == base["orders_agree"] == 0.75
    assert tuned["judged"] == 1
    name = "preferred_length_controlled"
    assert tuned[name] + base[name] == pytest.approx(1)
    assert found.about == {"model": "opinions"}


def test_a_pair_without_a_judgement_is_a_tie_and_is_told() -> None:
    of, suite = given(judge(Opinions())), SUITES.get(SUITE)
    questions = suite.questions(of)[:2]
    found = suite.judged(of, questions, replies("silence", "x"), replies("good", "good"))
    tuned = values(suite.measures(of, questions, found.tuned))
    assert (tuned["preferred"], tuned["judged"]) == (0.75, 0.5)


def test_equal_length_share_is_the_naive_line_at_zero() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 40)
    y = np.clip(0.4 + 0.3 * x + rng.normal(0, 0.1, 40), 0, 1)
    rows = np.stack([np.ones(40), x, y, x * x, x * y], axis=1)
    assert equal_length_share(rows.sum(axis=0)) == pytest.approx(np.polyfit(x, y, 1)[1])
    rows[:, 1] = rows[:, 3] = rows[:, 4] = 0  # all of one length
    assert equal_length_share(rows.sum(axis=0)) == pytest.approx(y.mean())


def test_a_judge_that_goes_by_length_alone_prefers_nobody_at_equal_length() -> None:
    suite = SUITES.get(SUITE)
    longer = np.array([30.0, 25, 40, -20, 35, -10, 28, 33])
    said = [Reply(verdicts=(float(one > 0), one, 1.0, 1.0)) for one in longer]
    found = values(suite.measures(given(None), [Question(str(n)) for n in range(8)], said))
    assert found["preferred"] == 0.75
    assert abs(found["preferred_length_controlled"] - 0.5) < 0.1


def people(path: Path, labels: Sequence[str]) -> Path:
    pairs = [("good", "x"), ("x", "good"), ("x", "y"), ("good", "x")]
    rows = [
        {"prompt": "Say.", "a": a, "b": b, "better": label}
        for (a, b), label in zip(pairs, labels, strict=True)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_agreement_with_people_is_kappa(tmp_path: Path) -> None:
    same = people(tmp_path / "same.jsonl", ["a", "b", "tie", "a"])
    found = agreement_with_people(judge(Opinions()), same)
    assert (found["agree"], found["kappa"]) == (1.0, 1.0)
    other = people(tmp_path / "other.jsonl", ["a", "b", "a", "b"])
    found = agreement_with_people(judge(Opinions()), other)
    # Judge: a b tie a, people: a b a b. By chance 4/16 + 2/16 agree; 1/2 do.
    assert found["agree"] == 0.5
    assert found["kappa"] == pytest.approx((0.5 - 0.375) / (1 - 0.375))
    assert found["interval"][0] <= found["kappa"] <= found["interval"][1]


def test_comparisons_that_are_none_are_named(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    path.write_text('{"prompt": "Say.", "a": "x", "b": "y", "better": "c"}\n')
    with pytest.raises(UserError, match=r"line 1, better"):
        read_labelled(path)
    path.write_text("\n")
    with pytest.raises(UserError, match="no comparisons"):
        read_labelled(path)


def test_one_model_or_no_judge_is_not_asked() -> None:
    with pytest.raises(NotAsked, match=r"evaluate\.judge\.model"):
        SUITES.get(SUITE).questions(given(None))


def test_a_model_that_says_nothing_is_measured_before_anybody_is_asked() -> None:
    of, suite = given(judge(Opinions())), SUITES.get(SUITE)
    questions = suite.questions(of)
    found = values(suite.measures(of, questions, [suite.blank(one) for one in questions]))
    assert "preferred" in found


def test_verdicts_are_kept_and_compared_again_without_the_judge(tmp_path: Path) -> None:
    who = judge(Opinions(), people(tmp_path / "people.jsonl", ["a", "b", "tie", "a"]))
    options = EvaluateOptions(resamples=200)
    plans: list[Planned] = plan(
        options, [SuiteOptions(suite=SUITE)], given(who).examples, judge=lambda: who
    )
    sides = {
        side: Side(side, f"content of {side}", "renderer", {SUITE: Asked(plans[0], said, 0.0)})
        for side, said in (("base", BASE), ("tuned", TUNED))
    }
    folder = tmp_path / "run" / "suites"
    results = conclude(folder, plans, sides, options)
    (about,) = results["suites"]
    assert about["judge"]["model"] == "opinions"
    assert about["judge"]["people"]["kappa"] == 1.0
    assert read_json(folder / "results.json")["suites"][0]["judge"] == about["judge"]
    again = compare_evaluations([folder / "base", folder / "tuned"], options, tmp_path / "out")
    (beside,) = again.values()
    first, second = (
        {row["metric"]: (row["base"], row["tuned"], row["interval"]) for row in found["measures"]}
        for found in (results, beside)
    )
    assert first == second
