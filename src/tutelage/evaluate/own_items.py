"""A run's own test items as questions of suites, and what answers to them score.

Answers are scored as the run's own evaluation scores them: by the primary metric of the item's
task, found in the text by the task's expression, unless the suite itself names others. How is
written into each question's target, so that replies on disk can be measured again without the
recipe. Items are scored one by one, so that they can be put together as a suite needs: by
instruction, by distance, by wording. Where tasks have different metrics, values are shares of their
scales, turned so that more is better, as in the run's own mean over tasks. Where a metric is no
mean over items (BLEU, macro F1), a mean of items' own values says so in its signature.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tutelage.data.example import Example
from tutelage.evaluate.comparison import PRIMARY_MEAN
from tutelage.evaluate.forms import form_references
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.options import TaskEvaluation
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.scoring import extracted
from tutelage.evaluate.suite import Given, NotAsked
from tutelage.metrics import METRICS, Metric, Scores
from tutelage.metrics.instruction_following import as_references
from tutelage.metrics.metric import Answers, Floats, mean_of_sums, mean_statistics

REFERENCES = "references"
"""Where the right answers stand in a question's target."""

METRIC, EXTRACT = "metric", "extract"
"""Where the metric stands that answers are scored by, and the expression that finds them."""

COMPARED: frozenset[Answers] = frozenset({"text", "tags", "constraints", "form"})
"""What answers to a run's own items are compared with, as its evaluation does."""


def own_questions(given: Given) -> list[Question]:
    """A question for every one of `own_prompts` that can be scored, as it is.

    Raises:
        NotAsked: there is no such item, or the metrics are none of single texts.
    """
    scorings = Scorings(given, COMPARED)
    prompts = own_prompts(given)
    found = [
        Question(
            key=str(number),
            turns=example.prompt,
            max_new_tokens=given.longest(example.task),
            task=example.task,
            target=target,
        )
        for number, example in prompts
        if (target := scorings.target(example)) is not None
    ]
    if not found:
        raise NotAsked(
            scorings.refusal()
            or "made of a run's own test items; there are none that can be scored"
        )
    return found


class Scorings:
    """How answers to a run's own items are scored, by their tasks.

    Args:
        given: the suite's options, and the run's.
        compared: what answers may be compared with.
    """

    def __init__(self, given: Given, compared: Collection[Answers]) -> None:
        self.given = given
        self.compared = compared
        self.forms: dict[str, dict[str, str]] = {}

    def metric(self, task: str) -> Metric:
        """The suite's first metric, else the task's, else that of all tasks."""
        own = self.given.tasks.get(task, TaskEvaluation()).metrics
        names = self.given.options.metrics or own or self.given.metrics
        return METRICS.get(names[0], where="evaluate.suites")

    def target(
        self, example: Example, answers: Sequence[str] | None = None
    ) -> dict[str, Any] | None:
        """What an answer is compared with, and how; None if it cannot be scored.

        Args:
            example: the run's item.
            answers: the right ones, where they are others than the example's.
        """
        metric = self.metric(example.task)
        if metric.answers not in self.compared:
            return None
        wanted = self._wanted(example, metric) if answers is None else list(answers)
        if not wanted:
            return None
        own = self.given.tasks.get(example.task, TaskEvaluation())
        expression = self.given.options.extract or own.extract
        return {
            REFERENCES: wanted,
            METRIC: metric.name,
            EXTRACT: expression if metric.answers == "text" else None,
        }

    def refusal(self) -> str | None:
        """Why no item can be scored, if that is for the metrics; else None."""
        tasks = {example.task: None for example in self.given.examples} or {"": None}
        names = [metric.name for metric in map(self.metric, tasks) if self._unfit(metric)]
        if len(names) < len(tasks):
            return None
        return f"cannot score answers by {', '.join(dict.fromkeys(names))} here"

    def _unfit(self, metric: Metric) -> bool:
        return metric.answers not in self.compared

    def _wanted(self, example: Example, metric: Metric) -> list[str]:
        if metric.answers == "constraints":
            return list(as_references(example.constraints, example.prompt[-1].content))
        if metric.answers == "form":
            return self._form(example.task, metric.name)
        return list(example.accepted)

    def _form(self, task: str, name: str) -> list[str]:
        """The form that a task demands of its answers; none if it demands no such form."""
        if task not in self.forms:
            own = self.given.tasks.get(task, TaskEvaluation())
            self.forms[task] = form_references(own.format, where=f"evaluate.tasks.{task}.format")
        return [self.forms[task][name]] if name in self.forms[task] else []


def own_prompts(given: Given) -> list[tuple[int, Example]]:
    """The run's test examples that end in a user's turn, with their places among all.

    Those whose conversation may call tools are left out: a suite's questions have none.
    """
    return [
        (number, example)
        for number, example in enumerate(given.examples)
        if not example.tools and example.prompt and example.prompt[-1].role == "user"
    ]


def asking(question: Question, text: str) -> Question:
    """The question with another last turn."""
    last = replace(question.turns[-1], content=text)
    return replace(question, turns=(*question.turns[:-1], last))


def divided(text: str) -> tuple[str, str]:
    """A prompt's instruction and its input, which readers of data put a blank line between.

    A prompt of one paragraph is all instruction, and its input empty.
    """
    instruction, _, rest = text.partition("\n\n")
    return instruction, rest


def scored(questions: Sequence[Question], replies: Sequence[Reply]) -> ItemScores:
    """The first answers' scores, each as its question's target says."""
    metrics = [METRICS.get(one.target[METRIC]) for one in questions]
    pairs = [
        extracted(one.target[EXTRACT], reply.answer, one.target[REFERENCES])
        for one, reply in zip(questions, replies, strict=True)
    ]
    places: dict[str, list[int]] = {}
    for at, metric in enumerate(metrics):
        places.setdefault(metric.name, []).append(at)
    found = {
        name: METRICS.get(name).score(*zip(*(pairs[at] for at in own), strict=True))
        for name, own in places.items()
    }
    if len(found) == 1:
        (name,) = found
        metric, scores = METRICS.get(name), found[name]
        return ItemScores(
            name,
            scores.per_item,
            scores.statistics,
            scores.signature,
            metric.aggregate,
            metric.scale,
            metric.higher_is_better,
        )
    values = np.zeros(len(questions))
    for name, own in places.items():
        metric = METRICS.get(name)
        shares = found[name].per_item / metric.scale
        values[own] = shares if metric.higher_is_better else 1 - shares
    signatures = " and ".join(scores.signature for scores in found.values())
    return ItemScores(
        PRIMARY_MEAN,
        values,
        mean_statistics(values),
        f"each task's primary metric as a share of its scale, more is better: {signatures}",
    )


def scores_of(
    metric: Metric,
    expression: str | None,
    questions: Sequence[Question],
    replies: Sequence[Reply],
) -> Scores:
    """The first answers' scores by a metric, against the references in the questions' targets.

    Args:
        metric: of texts, tags or constraints.
        expression: finds the answer in texts; None compares them whole.
        questions: that were asked.
        replies: to them.
    """
    pairs = [
        extracted(expression if metric.answers == "text" else None, reply.answer, wanted)
        for reply, wanted in zip(
            replies, (one.target[REFERENCES] for one in questions), strict=True
        )
    ]
    return metric.score([answer for answer, _ in pairs], [wanted for _, wanted in pairs])


@dataclass(frozen=True)
class ItemScores:
    """One value an item, and what can be made of such.

    Attributes:
        name: of the metric, or `primary` where tasks have different ones.
        values: (items,) of the questions, in order.
        statistics: (items, columns) whose sums `aggregate` turns into the value of all together.
        signature: how they were computed.
        aggregate: from (..., columns) sums to (...) values.
        scale: value of a perfect score.
        higher_is_better: its direction.
    """

    name: str
    values: Floats
    statistics: Floats
    signature: str
    aggregate: Callable[[Floats], Floats] = mean_of_sums
    scale: int = 1
    higher_is_better: bool = True

    def together(self, places: Sequence[int], *, primary: bool = False, task: str = "") -> Measure:
        """The metric itself over some of the questions.

        Args:
            places: of the questions.
            primary: whether the verdict goes by it.
            task: the part of the suite.
        """
        own = list(places)
        return Measure(
            metric=self.name,
            items=own,
            scores=Scores(self.values[own], self.statistics[own], self.signature),
            aggregate=self.aggregate,
            scale=self.scale,
            higher_is_better=self.higher_is_better,
            primary=primary,
            task=task,
            bounds=(0.0, float(self.scale)),
        )

    def measure(
        self,
        name: str,
        values: Sequence[float] | Floats,
        places: Sequence[int],
        what: str,
        *,
        primary: bool = False,
        task: str = "",
    ) -> Measure:
        """The mean of values on the metric's own scale.

        Args:
            name: of the measure.
            values: one for each place.
            places: of the questions.
            what: is averaged, in words.
            primary: whether the verdict goes by it.
            task: the part of the suite.
        """
        per_item = np.asarray(values, dtype=np.float64)
        return Measure(
            metric=name,
            items=places,
            scores=Scores(per_item, mean_statistics(per_item), f"{what}: {self.signature}"),
            scale=self.scale,
            higher_is_better=self.higher_is_better,
            primary=primary,
            task=task,
            bounds=(0.0, float(self.scale)) if self.higher_is_better else None,
        )
