"""What suites whose answers a judge compares or grades have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tutelage.data.example import Example
from tutelage.evaluate.gradings import SCALE
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.own_items import own_prompts
from tutelage.evaluate.preferences import Judge
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import Given, NotAsked

BOUNDS = (float(SCALE[0]), float(SCALE[-1]))
SIGNATURE = "single answers graded from 1 to 5, the middle where one of the two is not judged"


def judge_of(given: Given) -> Judge:
    """Who judges.

    Raises:
        NotAsked: nobody does, or one model alone is asked.
    """
    if given.judge is None:
        raise NotAsked("needs two models and a judge: set evaluate.judge.model or local")
    return given.judge()


def prompt_questions(given: Given, examples: Sequence[Example]) -> list[Question]:
    """Prompts as they are, without anything that answers are compared with.

    Raises:
        NotAsked: there are none.
    """
    found = [
        Question(
            key=str(number),
            turns=example.prompt,
            max_new_tokens=given.longest(example.task),
            task=example.task,
        )
        for number, example in own_prompts(replace(given, examples=examples))
    ]
    if not found:
        raise NotAsked("made of the test prompts of a run, or of `data`; there are none")
    return found


def with_verdict(reply: Reply, numbers: Sequence[float]) -> Reply:
    """A reply with what a judge found of it."""
    return replace(reply, verdicts=tuple(numbers))


def graded(
    name: str,
    values: Sequence[float],
    places: Sequence[int],
    *,
    primary: bool = False,
    task: str = "",
) -> Measure:
    """The mean of grades, from 1 to 5."""
    return Measure.mean(
        name,
        values,
        items=places,
        signature=SIGNATURE,
        primary=primary,
        task=task,
        bounds=BOUNDS,
    )
