"""How far a model's sureness of its choices can be believed.

A choice is weighed by the likelihood of each answer; the softmax over these is how sure the model
is. It is reliable if, of the choices it is 70 % sure of, 70 % are right. `brier_score` (Brier 1950)
is the mean over questions of the squared distance between these probabilities and the right answer,
from 0 to 2. `calibration_error` (Naeini, Cooper and Hauskrecht 2015, with the ten bins of Guo et
al. 2017) is the mean distance between sureness and accuracy, bin by bin; with few questions it is
above 0 for a perfectly reliable model too, so compare it between models, and with many.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import Suite
from tutelage.metrics import Scores
from tutelage.metrics.metric import Floats
from tutelage.statistics import Interval, wilson

BINS = 10
SIGNATURE = "softmax over the choices' likelihoods"


class ReliabilityBin(TypedDict):
    """Choices that a model was about equally sure of.

    Attributes:
        sureness: mean probability of the likeliest choice.
        accuracy: share of these that are right.
        interval: Wilson's, of that share.
        items: how many there are.
    """

    sureness: float
    accuracy: float
    interval: Interval
    items: int


def calibration_measures(
    suite: Suite, questions: Sequence[Question], replies: Sequence[Reply]
) -> list[Measure]:
    """The Brier score and the calibration error of questions that have a right choice, if any."""
    places = _places(suite, questions)
    if not places:
        return []
    sure, right, squares = _weighed(suite, questions, replies, places)
    sums = np.zeros((len(places), BINS + 1))
    sums[np.arange(len(places)), _bins(sure)] = right - sure
    sums[:, -1] = 1
    return [
        Measure.mean(
            "brier_score",
            squares,
            items=places,
            signature=SIGNATURE,
            higher_is_better=False,
            bounds=(0.0, 2.0),
        ),
        Measure(
            metric="calibration_error",
            items=places,
            scores=Scores(np.abs(right - sure), sums, f"{BINS} equal bins; {SIGNATURE}"),
            aggregate=_calibration_error,
            higher_is_better=False,
        ),
    ]


def reliability(
    suite: Suite, questions: Sequence[Question], replies: Sequence[Reply], confidence: float
) -> list[ReliabilityBin]:
    """How many choices are right, by how sure the model was; bins without any are left out.

    Args:
        suite: knows which choices are right.
        questions: of it.
        replies: to these.
        confidence: of the intervals.
    """
    places = _places(suite, questions)
    if not places:
        return []
    sure, right, _ = _weighed(suite, questions, replies, places)
    bins = _bins(sure)
    found: list[ReliabilityBin] = []
    for number in np.unique(bins):
        own = bins == number
        items = int(own.sum())
        found.append(
            {
                "sureness": float(sure[own].mean()),
                "accuracy": float(right[own].mean()),
                "interval": wilson(float(right[own].sum()), items, confidence),
                "items": items,
            }
        )
    return found


def _places(suite: Suite, questions: Sequence[Question]) -> list[int]:
    return [
        at
        for at, question in enumerate(questions)
        if len(question.choices) > 1 and suite.right_choice(question) is not None
    ]


def _weighed(
    suite: Suite, questions: Sequence[Question], replies: Sequence[Reply], places: Sequence[int]
) -> tuple[Floats, Floats, Floats]:
    """(places,) how sure the choice is, whether it is right, and the squared distance."""
    rows = []
    for at in places:
        weights = np.array(replies[at].likelihoods)
        probabilities = np.exp(weights - weights.max())
        probabilities /= probabilities.sum()
        truth = np.zeros(len(weights))
        truth[suite.right_choice(questions[at])] = 1
        chosen = replies[at].likeliest(per_token=False)
        rows.append((probabilities.max(), truth[chosen], ((probabilities - truth) ** 2).sum()))
    sure, right, squares = np.array(rows, dtype=np.float64).T
    return sure, right, squares


def _bins(sure: Floats) -> np.ndarray:
    return np.minimum((sure * BINS).astype(np.int64), BINS - 1)


def _calibration_error(sums: Floats) -> Floats:
    """From (..., bins and a count) sums of right less sure: their sizes, by the count."""
    gaps: Floats = np.abs(sums[..., :-1]).sum(axis=-1) / np.maximum(sums[..., -1], 1)
    return gaps
