"""Macro F1 of answers that are labels, with precision, recall and F1 of each class.

The classes are those of the references. An answer that is none of them is wrong and is never
dropped: its item lowers the recall of its true class, and the micro average counts it as a false
positive; but it makes no class of its own to be averaged, since the macro average would then
depend on how many different wrong things a model says. This is scikit-learn's macro average with
`labels` set to the reference labels, and its micro average over all labels (equal to accuracy).

The macro average goes over the classes that occur, on every resample too, so that a class is
never counted as failed because a resample happens to hold none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from tutelage.metrics.metric import METRICS, Floats, Scores, f1, rates, ratio

TRUE_POSITIVES, PREDICTED, ACTUAL = range(3)
"""The three columns that each class has in the statistics."""


def same_label(text: str) -> str:
    """What is compared of a label: neither case nor surrounding space."""
    return text.strip().casefold()


class ClassificationF1:
    """Macro F1 over the classes of the references.

    Where an item accepts several labels, its true class is the one answered if that is among
    them, else the first.
    """

    name: ClassVar[str] = "classification_f1"
    scale: ClassVar[Literal[1]] = 1
    higher_is_better: ClassVar[bool] = True
    answers: ClassVar[Literal["text"]] = "text"

    def score(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        """Count true positives, predictions and items of each class; an item's value is 1 or 0."""
        names = {same_label(text): text.strip() for accepted in references for text in accepted}
        column = {label: 3 * index for index, label in enumerate(sorted(names))}
        statistics = np.zeros((len(predictions), 3 * len(column)))
        per_item = np.zeros(len(predictions))
        for item, (prediction, accepted) in enumerate(zip(predictions, references, strict=True)):
            answer, labels = same_label(prediction), [same_label(text) for text in accepted]
            per_item[item] = correct = answer in labels
            actual = answer if correct else labels[0]
            statistics[item, column[actual] + ACTUAL] = 1
            statistics[item, column[actual] + TRUE_POSITIVES] = correct
            if answer in column:
                statistics[item, column[answer] + PREDICTED] = 1
        return Scores(
            per_item=per_item,
            statistics=statistics,
            signature="classification_f1|macro|classes:references|labels:strip+casefold",
            details=_details([names[label] for label in column], statistics),
        )

    def aggregate(self, sums: Floats) -> Floats:
        """Macro F1 over the classes with an item in the totals."""
        per_class = f1(sums[..., TRUE_POSITIVES::3], sums[..., PREDICTED::3], sums[..., ACTUAL::3])
        occurs = sums[..., ACTUAL::3] > 0
        return ratio((per_class * occurs).sum(axis=-1), occurs.sum(axis=-1))


def _details(names: Sequence[str], statistics: Floats) -> dict[str, Any]:
    """Per class, macro and micro averages, accuracy, and the answers outside the classes."""
    true, predicted, actual = statistics.sum(axis=0).reshape(-1, 3).T
    per_class = rates(true, predicted, actual)
    items = len(statistics)
    accuracy = float(true.sum()) / items
    return {
        "classes": {
            name: {rate: float(values[index]) for rate, values in per_class.items()}
            | {"support": int(actual[index])}
            for index, name in enumerate(names)
        },
        "macro": {rate: float(values[actual > 0].mean()) for rate, values in per_class.items()},
        "micro": dict.fromkeys(per_class, accuracy),
        "accuracy": accuracy,
        "answers_outside_classes": items - int(predicted.sum()),
    }


METRICS.register("classification_f1")(ClassificationF1())
