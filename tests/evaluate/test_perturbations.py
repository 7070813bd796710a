"""The task score under noise, item by item beside the clean one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bias_suites import values

from tutelage.data.example import Example, Message, Source
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.options import TaskEvaluation
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, NotAsked
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.metrics import METRICS

SUITE = SUITES.get("perturbations")


def example(row: int, prompt: str, answer: str) -> Example:
    turns = (Message("user", prompt), Message("assistant", answer))
    return Example(turns, Source("test.jsonl", row))


EXAMPLES = [
    example(at, f"Please repeat the number {at} for everybody.", str(at)) for at in range(8)
]


def made(metric: str = "exact_match", examples: list[Example] = EXAMPLES, **use: object) -> Given:
    options = SuiteOptions.model_validate({"suite": "perturbations", **use})
    return Given(options, metrics=[metric], examples=examples, seed=5)


def measured(given: Given, questions: list[Question], said: list[str]) -> list[Measure]:
    return SUITE.measures(given, questions, [Reply(answers=(answer,)) for answer in said])


def test_a_drop_is_what_the_same_items_lose() -> None:
    given = made()
    questions = SUITE.questions(given)
    kinds = {one.task for one in questions} - {"clean"}
    assert len(questions) == 3 * len(EXAMPLES)
    assert len(kinds) >= 4
    # Right on all but one clean item; under typos always wrong, else right.
    said = [
        "?" if one.task == "typos" or one.key == "0/clean" else one.target["references"][0]
        for one in questions
    ]
    measures = measured(given, questions, said)
    scale = METRICS.get("exact_match").scale
    copies = [one for one in questions if one.task != "clean"]
    right = sum(one.task != "typos" for one in copies)
    whole = values(measures)
    assert whole["exact_match"] == pytest.approx(scale * right / len(copies))
    assert values(measures, "clean")["exact_match"] == pytest.approx(scale * 7 / 8)
    # Every item has as many copies, so that the mean over items is that over copies.
    assert whole["drop"] == pytest.approx(scale * (7 / 8 - right / len(copies)))
    mistyped = [one.cluster for one in questions if one.task == "typos"]
    lost = sum(one != "0" for one in mistyped) / len(mistyped)
    assert values(measures, "typos")["drop"] == pytest.approx(scale * lost)
    assert [one.metric for one in measures if one.primary] == ["exact_match"]


def test_a_corpus_metric_drops_by_its_corpus_values() -> None:
    pairs = [
        example(at, f"Translate sentence {at} for me.", f"the cat {at} sat") for at in range(5)
    ]
    given = made("bleu", pairs)
    questions = SUITE.questions(given)
    said = [
        ("" if one.task == "clean" else "a dog ") + one.target["references"][0] for one in questions
    ]
    noisy = [at for at, one in enumerate(questions) if one.task != "clean"]
    bleu = METRICS.get("bleu")
    scores = bleu.score(
        [said[at] for at in noisy], [questions[at].target["references"] for at in noisy]
    )
    corpus = float(bleu.aggregate(scores.statistics.sum(axis=0)))
    assert values(measured(given, questions, said))["drop"] == pytest.approx(100 - corpus)


def test_an_error_rate_drops_when_it_grows() -> None:
    given = made("ter", [example(0, "Translate this sentence for me.", "one two three four")])
    questions = SUITE.questions(given)
    said = ["one two three four" if one.task == "clean" else "one" for one in questions]
    assert values(measured(given, questions, said))["drop"] > 0


def test_answers_are_extracted_as_the_suite_says() -> None:
    given = made(extract=r"#### (\d+)", examples=[example(0, "Count the apples.", "So: #### 4")])
    questions = SUITE.questions(given)
    found = values(measured(given, questions, ["It is #### 4"] * len(questions)))
    assert found["exact_match"] == METRICS.get("exact_match").scale


@pytest.mark.parametrize(("metric", "examples"), [("exact_match", []), ("entity_f1", EXAMPLES)])
def test_not_asked(metric: str, examples: list[Example]) -> None:
    with pytest.raises(NotAsked):
        SUITE.questions(made(metric, examples))


def test_tasks_of_different_metrics_are_shares_of_their_scales() -> None:
    tasks = {
        "sum": TaskEvaluation(metrics=["exact_match"], extract="#### *([0-9]+)"),
        "tell": TaskEvaluation(metrics=["ter"]),
        "tags": TaskEvaluation(metrics=["entity_f1"]),
    }
    examples = [
        replace(example(0, "Please add two and two for me.", "#### 4"), task="sum"),
        replace(example(1, "Please tell me of the sea.", "It is wide and deep"), task="tell"),
        replace(example(2, "Please tag the words of this.", "O O"), task="tags"),
    ]
    given = replace(made(examples=examples), tasks=tasks)
    questions = SUITE.questions(given)
    # What is no text cannot be perturbed with its answer.
    assert {one.target["metric"] for one in questions} == {"exact_match", "ter"}
    said = ["So: #### 4" if one.cluster == "0" else "It is wide and deep" for one in questions]
    (primary,) = [one for one in measured(given, questions, said) if one.primary]
    assert (primary.metric, primary.scale, primary.higher_is_better) == ("primary", 1, True)
    assert primary.scores.per_item.tolist() == [1.0] * len(primary.items)
    assert all(
        one.scores.per_item.tolist() == [0.0, 0.0]
        for one in measured(given, questions, said)
        if one.metric == "drop" and not one.task
    )


def test_further_strengths_ask_the_same_copies_and_make_a_curve() -> None:
    once, given = made(), made(strengths=[0.4, 0.05, 0.1])
    questions = SUITE.questions(given)
    keys = [one.key for one in questions]
    assert [key for key in keys if " " not in key] == [one.key for one in SUITE.questions(once)]
    assert len(keys) == len(set(keys)) == (1 + 2 * 3) * len(EXAMPLES)
    said = [
        "?" if one.target["strength"] > 0.3 else one.target["references"][0] for one in questions
    ]
    measures = measured(given, questions, said)
    # The verdict goes by the copies of `strength` alone.
    assert values(measures)["exact_match"] == values(measures, "noise 0.05")["exact_match"] > 0
    (curve,) = SUITE.curves(questions, measures)
    assert [(one.x, one.task) for one in curve.points] == [
        *((0.0, "clean"), (0.05, "noise 0.05"), (0.1, ""), (0.4, "noise 0.4")),
    ]
    assert [values(measures, one.task)[one.metric] for one in curve.points][-1] == 0
    plain = SUITE.questions(once)
    assert SUITE.curves(plain, measured(once, plain, ["?"] * len(plain))) == []


@pytest.mark.parametrize("strength", [0, 1.5])
def test_a_strength_is_a_share(strength: float) -> None:
    with pytest.raises(ValueError, match="shares above 0"):
        made(strengths=[strength])
