"""Paraphrases and novelty: figures by hand, against a naive line, and what is kept of a prompt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from bias_suites import values

from tutelage.data.example import Example, Message, Source
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.preferences import Judge
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.scoring import Item as ScoredItem
from tutelage.evaluate.scoring import metrics_of, score_answers
from tutelage.evaluate.suite import SUITES, Given, NotAsked
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.evaluate.suites.novelty import distances, line_slope
from tutelage.evaluate.suites.paraphrases import wordings
from tutelage.infer.options import DecodeOptions
from tutelage.judge import Fence
from tutelage.metrics import METRICS
from tutelage.pipeline.suites.planning import plan

PARIS = "What is the capital of France?"
REVIEW = "Say whether the review is good or bad.\n\nA fine place.\n\nWe will come again."


def example(prompt: str, answer: str, **fields: object) -> Example:
    turns = (Message("user", prompt), Message("assistant", answer))
    return Example(turns, Source("own.jsonl", 0), **fields)  # type: ignore[arg-type]


def given(
    suite: str,
    examples: Sequence[Example],
    trained: Sequence[Example] = (),
    metric: str = "exact_match",
    **options: object,
) -> Given:
    use = SuiteOptions.model_validate({"suite": suite, **options})
    return Given(use, [metric], examples=examples, trained=lambda: trained)


def measured(of: Given, questions: Sequence[Question], answers: Sequence[str]) -> list[Measure]:
    replies = [Reply(answers=(answer,)) for answer in answers]
    return SUITES.get(of.options.suite).measures(of, questions, replies)


@pytest.mark.parametrize("prompt", [PARIS, REVIEW, "Fill {prompt} and {input}.\n\n{instruction}"])
def test_every_wording_holds_the_whole_prompt(prompt: str) -> None:
    found = wordings(prompt)
    assert found["as written"] == prompt
    assert len(set(found.values())) == len(found)
    swapped = found.pop("instruction last", None)
    assert (swapped is None) == (prompt == PARIS)
    assert all(text.count(prompt) == 1 for text in found.values())
    if swapped is not None:
        instruction, _, rest = prompt.partition("\n\n")
        assert swapped.index(rest) < swapped.index(instruction, swapped.index(rest) + len(rest))


@pytest.mark.parametrize("instruction", ["Sum up the text below.", "Translate:", "Edit the above."])
def test_an_instruction_that_points_at_its_input_stays_before_it(instruction: str) -> None:
    assert "instruction last" not in wordings(f"{instruction}\n\nThe hall is closed.")


def test_an_item_counts_once_whatever_its_wordings() -> None:
    of = given("paraphrases", [example(PARIS, "Paris"), example(REVIEW, "good")])
    questions = SUITES.get("paraphrases").questions(of)
    assert [question.cluster for question in questions] == ["0"] * 6 + ["1"] * 7
    # Half of the wordings of one item are answered right, and all of the other's.
    found = measured(of, questions, ["Paris"] * 3 + ["Lyon"] * 3 + ["good"] * 7)
    assert values(found) == {"score": 0.75, "worst": 0.5, "spread": 0.25, "flips": 0.5}
    assert values(found, "as written") == {"score": 1.0}
    assert values(found, "terse") == {"score": 0.5}
    assert values(found, "instruction last") == {"score": 1.0}
    assert [one.metric for one in found if one.primary] == ["score"]
    assert {tuple(one.items) for one in found if not one.task} == {(0, 6)}


class Rewording:
    """A judge that rewords in three ways, one of which asks for something else."""

    def __init__(self) -> None:
        self.reworded = 0

    def __call__(self, questions: Sequence[Sequence[Message]]) -> list[str | None]:
        return [self.said(turns[-1].content) for turns in questions]

    def said(self, text: str) -> str:
        if "other words" in text:
            self.reworded += 1
            return json.dumps({"rewordings": ["Tell me that.", "Tell me something else.", "That?"]})
        return json.dumps({"reason": "so it is", "same": "else" not in text})


def test_a_judge_rewords_instructions_and_leaves_inputs() -> None:
    ask = Rewording()
    of = given("paraphrases", [example(PARIS, "Paris"), example(REVIEW, "good")], rewordings=3)
    with pytest.raises(NotAsked, match=r"evaluate\.judge\.model"):
        SUITES.get("paraphrases").questions(of)
    of = replace(of, judge=lambda: Judge(ask, Fence(b"secret"), lambda: {"model": "words"}))
    questions = SUITES.get("paraphrases").questions(of)
    assert len({one.key for one in questions}) == len(questions) == 6 + 7 + 2 * 2
    said = [one.turns[-1].content for one in questions if one.task == "reworded"]
    rest = REVIEW.partition("\n\n")[2]
    assert said == ["Tell me that.", "That?", f"Tell me that.\n\n{rest}", f"That?\n\n{rest}"]
    # The rewordings alone are answered right: two of eight wordings, and two of nine.
    found = measured(
        of,
        questions,
        [
            {"0": "Paris", "1": "good"}[one.cluster] if one.task == "reworded" else "?"
            for one in questions
        ],
    )
    assert values(found)["score"] == pytest.approx((2 / 8 + 2 / 9) / 2)
    assert values(found)["meaning_kept"] == pytest.approx(2 / 3)
    assert values(found, "reworded") == {"score": 1.0}
    blank = [Reply(answers=("",))] * len(questions)
    assert SUITES.get("paraphrases").judged(of, questions, blank, blank).about == {"model": "words"}
    # Only what will be asked is reworded.
    ask.reworded = 0
    SUITES.get("paraphrases").questions(replace(of, most=7))
    assert ask.reworded == 1


def test_error_rates_have_their_worst_at_the_top() -> None:
    of = given("paraphrases", [example(PARIS, "Paris is the capital")], metric="ter")
    questions = SUITES.get("paraphrases").questions(of)
    found = measured(of, questions, ["Paris is the capital"] * 5 + ["no"])
    direction = {one.metric: one.higher_is_better for one in found if not one.task}
    assert direction == {"score": False, "worst": False, "spread": False, "flips": False}
    assert values(found)["worst"] == pytest.approx(100)


def test_answers_are_extracted_and_instructions_judged() -> None:
    of = given("paraphrases", [example("2 + 2?", "4")], extract=r"#### (\d+)")
    questions = SUITES.get("paraphrases").questions(of)
    assert values(measured(of, questions, ["So: #### 4"] * 6))["score"] == 1
    brief = ({"id": "punctuation:no_comma", "kwargs": {}},)
    of = given("paraphrases", [example("Greet me.", "", constraints=brief)], metric="ifeval")
    questions = SUITES.get("paraphrases").questions(of)
    assert values(measured(of, questions, ["Hello"] * 5 + ["Well, hello"]))["worst"] == 0


def by_task() -> tuple[EvaluateOptions, list[Example]]:
    """Three tasks, each scored in another way, and their items."""
    options = EvaluateOptions.model_validate(
        {
            "metrics": ["exact_match"],
            "tasks": {
                "sum": {"metrics": ["exact_match", "rougeL"], "extract": "#### *([0-9]+)"},
                "tell": {"metrics": ["chrf"], "max_new_tokens": 7},
                "sort": {"metrics": ["label_set"], "format": {"label_set": ["good", "bad"]}},
            },
        }
    )
    items = [
        example("2 + 2?", "#### 4", task="sum"),
        example("Tell me of the sea.", "It is wide and deep.", task="tell"),
        example("Good or bad: a fine place?", "good", task="sort"),
        example(PARIS, "Paris", task="name"),
    ]
    return options, items


def test_every_task_is_scored_as_by_the_runs_own_evaluation() -> None:
    options, items = by_task()
    said = ["That is #### 4", "It is wide.", "bad", "Lyon"]
    known = [ScoredItem(one.task, False, one.accepted) for one in items]
    own = score_answers(known, said, options)
    shares = []
    for at, item in enumerate(items):
        name = metrics_of(options, item.task)[0]
        value = own.per_item[name][at]
        assert value is not None
        shares.append(value / METRICS.get(name).scale)
    assert shares[0] == shares[2] == 1 and 0 < shares[1] < 1 and shares[3] == 0
    for suite in ("paraphrases", "novelty"):
        (planned,) = plan(
            options, [SuiteOptions(suite=suite)], items, lambda: [example("Sing.", "La")]
        )
        answers = dict(zip((item.prompt[-1].content for item in items), said, strict=True))
        found = measured(
            planned.given,
            planned.questions,
            [
                next(said for asked, said in answers.items() if asked in one.turns[-1].content)
                for one in planned.questions
            ],
        )
        scores = next(one for one in found if one.metric == "score" and not one.task)
        assert scores.scores.per_item == pytest.approx(shares)
        assert (scores.scale, scores.higher_is_better) == (1, True)
        longest = {one.max_new_tokens for one in planned.questions if "sea" in str(one.turns)}
        assert longest == {7}


def test_a_suites_own_metrics_and_expression_are_for_all_tasks() -> None:
    options, items = by_task()
    use = SuiteOptions(suite="paraphrases", metrics=["token_f1"], extract="[a-z]+")
    (planned,) = plan(options, [use], items)
    said = {(one.target["metric"], one.target["extract"]) for one in planned.questions}
    assert said == {("token_f1", "[a-z]+")}


def test_answers_may_be_as_long_as_in_the_runs_own_evaluation() -> None:
    options = EvaluateOptions(decode=DecodeOptions(max_new_tokens=9))
    (planned,) = plan(options, [SuiteOptions(suite="paraphrases")], [example(PARIS, "Paris")])
    assert {question.max_new_tokens for question in planned.questions} == {9}


@pytest.mark.parametrize("suite", ["paraphrases", "novelty"])
def test_a_model_without_items_is_not_asked(suite: str) -> None:
    with pytest.raises(NotAsked, match="own test items"):
        SUITES.get(suite).questions(given(suite, []))
    with pytest.raises(NotAsked, match="pass_at_k"):
        SUITES.get(suite).questions(given(suite, [], metric="pass_at_k"))


TRAINED = ["Translate the sentence into German.\n\nThe cat sleeps.", "Name a river in Spain."]
TESTED = [
    "Translate the sentence into German.\n\nIt rains.",
    "Translate this sentence into French.\n\nIt rains.",
    "Write a function that sorts numbers.",
]


def test_distance_goes_by_the_instruction_and_the_line_is_the_naive_one() -> None:
    of = given("novelty", [example(text, "yes") for text in TESTED], [example(TRAINED[0], "-")])
    questions = SUITES.get("novelty").questions(of)
    x = [question.target["x"] for question in questions]
    assert x[0] == pytest.approx(0, abs=1e-5)
    assert 0 < x[1] < x[2]
    found = measured(of, questions, ["yes", "no", "no"])
    assert values(found) == pytest.approx(
        {
            "score": 1 / 3,
            "score_near": 1.0,
            "score_middle": 0.0,
            "score_far": 0.0,
            "slope": np.polyfit(x, [1.0, 0.0, 0.0], 1)[0],
        }
    )
    assert [one.metric for one in found if one.primary] == ["score_far"]
    (curve,) = SUITES.get("novelty").curves(questions, found)
    assert [one.metric for one in curve.points] == ["score_near", "score_middle", "score_far"]
    assert [one.x for one in curve.points] == pytest.approx(x)


def test_a_nearer_training_instruction_is_what_counts() -> None:
    (alone,) = distances([TESTED[2]], TRAINED[:1])
    (both,) = distances([TESTED[2]], [*TRAINED, "Write a program that sorts numbers."])
    assert both < alone


def test_items_of_one_distance_are_in_one_third_and_have_no_slope() -> None:
    same = [example(f"{PARIS}\n\n{number}", "Paris") for number in range(4)]
    of = given("novelty", same, [example(TRAINED[1], "Ebro")])
    questions = SUITES.get("novelty").questions(of)
    found = measured(of, questions, ["Paris", "Lyon", "Paris", "Lyon"])
    assert values(found) == {"score_near": 0.5, "score": 0.5, "slope": 0.0}


def test_slopes_of_resamples_are_those_of_the_resampled_items() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=30), rng.normal(size=30)
    rows = np.stack([np.ones(30), x, y, x * x, x * y], axis=1)
    drawn = rng.integers(0, 30, (5, 30))
    naive = [np.polyfit(x[own], y[own], 1)[0] for own in drawn]
    assert line_slope(rows[drawn].sum(axis=1)) == pytest.approx(naive)


def test_without_training_instructions_novelty_is_not_asked() -> None:
    with pytest.raises(NotAsked, match="trained on"):
        SUITES.get("novelty").questions(given("novelty", [example(PARIS, "Paris")]))
