"""Classification by likelihood: every label is weighed as the answer, and the likeliest is chosen.

The labels stand in the prompt before the text, so that all questions of a suite share a prefix and
a model is not asked to guess our names for the classes. Likelihoods are of the whole label, as
Brown et al. 2020 (arXiv:2005.14165, section 2.4) and lm-evaluation-harness's `acc` have them; the
choice by the mean of its tokens (`acc_norm` but for the unit of length) stands beside it where
labels differ in length. Nothing is written, so no answer can be outside the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tutelage.data.example import Message
from tutelage.evaluate.answered import choice_measures
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.metrics import METRICS


def label_question(
    key: str, instruction: str, asked: str, labels: Sequence[str], right: str
) -> Question:
    """A text to be given one of the labels.

    Args:
        key: of the question.
        instruction: says what the labels are of.
        asked: the text.
        labels: all of them, in an order that is always the same.
        right: the one of the text.
    """
    prompt = f"{instruction} Answer with one of: {', '.join(labels)}.\n\n{asked}"
    return Question(
        key,
        (Message("user", prompt),),
        choices=tuple(labels),
        target={"choice": labels.index(right)},
    )


def label_measures(
    questions: Sequence[Question], replies: Sequence[Reply], *, one_length: bool = False
) -> list[Measure]:
    """Accuracy, which is primary, and macro F1 over the classes that were asked about.

    Args:
        questions: made by `label_question`.
        replies: to these.
        one_length: whether the labels are equally long, so that a choice by the mean of tokens
            would be the same one.
    """
    chosen = [reply.likeliest(per_token=False) for reply in replies]
    pairs = list(zip(questions, chosen, strict=True))
    metric = METRICS.get("classification_f1")
    scores = metric.score(
        [question.choices[at] for question, at in pairs],
        [[question.choices[question.target["choice"]]] for question, _ in pairs],
    )
    signed = replace(scores, signature=f"{scores.signature}|answers:likeliest choice")
    accuracies = choice_measures(questions, replies)
    return [*accuracies[: 1 if one_length else None], Measure.of(metric, signed)]
