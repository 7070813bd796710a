"""A run's own test items as questions of suites, and what answers to them score.

Answers are scored by the first of the suite's metrics, item by item, so that items can be put
together as a suite needs: by instruction, by distance, by wording. Where a metric is no mean over
items (BLEU, macro F1), a value here is the mean of the items' own, which the signature says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tutelage.data.example import Example
from tutelage.evaluate.scoring import extracted
from tutelage.evaluate.suite import Given, Measure, NotAsked, Question, Reply
from tutelage.metrics import METRICS, Metric, Scores
from tutelage.metrics.instruction_following import as_references
from tutelage.metrics.metric import Floats, mean_statistics

REFERENCES = "references"
"""Where the right answers stand in a question's target."""

_COMPARED = frozenset({"text", "tags", "constraints"})


def own_questions(given: Given) -> list[Question]:
    """A question for every one of `own_prompts` that can be scored, as it is.

    Raises:
        NotAsked: there is no such item, or the metric is none of single texts.
    """
    metric = METRICS.get(given.metrics[0], where="evaluate.suites")
    if metric.answers not in _COMPARED:
        raise NotAsked(f"scores answers by references or instructions; {metric.name} does not")
    found = [
        Question(
            key=str(number),
            turns=example.prompt,
            max_new_tokens=given.max_new_tokens,
            task=example.task,
            target={REFERENCES: wanted},
        )
        for number, example in own_prompts(given)
        if (wanted := _wanted(example, metric))
    ]
    if not found:
        raise NotAsked("made of a run's own test items; there are none that can be scored")
    return found


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


def scored(given: Given, questions: Sequence[Question], replies: Sequence[Reply]) -> ItemScores:
    """The answers' scores, extracted from them first if the suite says how."""
    metric = METRICS.get(given.metrics[0])
    scores = scores_of(metric, given.options.extract, questions, replies)
    return ItemScores(metric, scores.per_item, scores.signature)


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
    """One value an item, and the means that can be made of such.

    Attributes:
        metric: by which.
        values: (items,) of the questions, in order.
        signature: how they were computed.
    """

    metric: Metric
    values: Floats
    signature: str

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
            scale=self.metric.scale,
            higher_is_better=self.metric.higher_is_better,
            primary=primary,
            task=task,
            bounds=(0.0, float(self.metric.scale)) if self.metric.higher_is_better else None,
        )


def _wanted(example: Example, metric: Metric) -> list[str]:
    """What the answer is compared with."""
    if metric.answers == "constraints":
        return list(as_references(example.constraints, example.prompt[-1].content))
    return list(example.accepted)
