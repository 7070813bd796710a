"""What a metric is: per item, and as sufficient statistics whose sums give the corpus value.

Corpus BLEU or macro F1 is not a mean over items, yet intervals and paired tests need its value
on thousands of resampled corpora. All of the metrics here are functions of sums: each item
gives a row of counts, and the corpus value follows from the column totals alone. A resample is
then a row of weights, all resamples are one matrix product, and the metric turns the resulting
totals into values in one vectorised call (10,000 corpora in milliseconds, benchmarks/RESULTS.md
"metrics"). sacrebleu's significance tests rest on the same idea, one resample at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from tutelage.registry import Registry

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """One metric on a set of items.

    Attributes:
        per_item: (items,) the metric of each item alone.
        statistics: (items, columns) counts; `Metric.aggregate` of their sum is the corpus value.
        signature: exactly how the value was computed, to be quoted with it.
        details: what belongs to the value, such as precision and recall of each class.
        further: values that are read beside this one, each as statistics for `Metric.aggregate`.
        verdicts: for each item what its own value does not tell, such as a list of which
            instructions were followed.
    """

    per_item: Floats
    statistics: Floats
    signature: str
    details: dict[str, Any] = field(default_factory=dict)
    further: dict[str, Floats] = field(default_factory=dict)
    verdicts: dict[str, list[Any]] = field(default_factory=dict)


Answers = Literal["text", "tags", "constraints", "form", "tests", "queries"]
"""What answers are compared with: text; IOB2 tags as one string with spaces between; the verifiable
instructions of the item; the form that its task demands, which is one such instruction. These two
are references written by `instruction_following.as_references`, and take answers whole. Programs
are judged by tests (`code.as_references`), queries by the right ones, run on a database
(`text_to_sql.as_references`)."""


class Metric(Protocol):
    """A score of predictions against references.

    Attributes:
        name: the name it is registered under.
        scale: the value of a perfect score, 1 or 100 (for an error rate, the unit it is in).
        higher_is_better: false for error rates.
        answers: what the references of an item are.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def scale(self) -> Literal[1, 100]: ...  # noqa: D102
    @property
    def higher_is_better(self) -> bool: ...  # noqa: D102
    @property
    def answers(self) -> Answers: ...  # noqa: D102

    def score(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        """Score each prediction against its references.

        Args:
            predictions: one or more answers.
            references: for each answer, at least one reference.
        """
        ...

    def aggregate(self, sums: Floats) -> Floats:
        """Corpus values from column totals of `Scores.statistics`.

        Args:
            sums: (..., columns) totals; leading axes are resamples.

        Returns:
            (...) values.
        """
        ...


METRICS: Registry[Metric] = Registry("metric", "tutelage.metrics")


def mean_statistics(per_item: Floats) -> Floats:
    """(items, 2) statistics of a metric that is the mean over items: the value, and 1."""
    return np.stack([per_item, np.ones_like(per_item)], axis=1)


def mean_of_sums(sums: Floats) -> Floats:
    """The means that totals of `mean_statistics` stand for."""
    return ratio(sums[..., 0], sums[..., 1])


def ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Floats:
    """Elementwise division where 0/0 is 0, as precision, recall and F1 have it."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    zeros = np.zeros(np.broadcast_shapes(numerator.shape, denominator.shape))
    quotient: Floats = np.divide(numerator, denominator, out=zeros, where=denominator != 0)
    return quotient


def f1(right: npt.ArrayLike, predicted: npt.ArrayLike, actual: npt.ArrayLike) -> Floats:
    """F1 from counts; 0 where there is neither a prediction nor anything to find."""
    return ratio(2 * np.asarray(right, float), np.add(predicted, actual))


def rates(
    right: npt.ArrayLike, predicted: npt.ArrayLike, actual: npt.ArrayLike
) -> dict[str, Floats]:
    """Precision, recall and F1 from counts."""
    return {
        "precision": ratio(right, predicted),
        "recall": ratio(right, actual),
        "f1": f1(right, predicted, actual),
    }
