"""Exact match and token F1 by the rules of SQuAD, and exact text by none.

Answers are compared without case, punctuation, articles and extra spaces, and an item takes its
best reference. Where either side has nothing left after that, F1 is exact match, as in the
SQuAD 2.0 script (the 1.1 script gave 0 to an empty answer that was right). Where format is what is
asked for (JSON, separators, capitals), `exact_text` compares all but the surrounding space.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tutelage.metrics.metric import METRICS, Floats, Scores, mean_of_sums, mean_statistics

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize(text: str) -> str:
    """A text as SQuAD compares it."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, reference: str) -> float:
    """1 if two texts are the same."""
    return float(answer == reference)


def token_f1(answer: str, reference: str) -> float:
    """F1 of the words that two normalised texts share."""
    words, wanted = answer.split(), reference.split()
    if not words or not wanted:
        return float(words == wanted)
    shared = (Counter(words) & Counter(wanted)).total()
    if not shared:
        return 0.0
    precision, recall = shared / len(words), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True)
class AnswerMetric:
    """The mean over items of how well an answer agrees with its best reference.

    Attributes:
        agreement: between a normalised answer and a normalised reference, 0 to 1.
        normalise: what is done to both, and its name.
    """

    name: str
    agreement: Callable[[str, str], float]
    normalise: tuple[str, Callable[[str], str]] = ("squad", normalize)
    scale: ClassVar[Literal[1]] = 1
    higher_is_better: ClassVar[bool] = True
    answers: ClassVar[Literal["text"]] = "text"

    def score(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        """Score each answer by its best reference."""
        rule, normalise = self.normalise
        per_item = np.array(
            [
                max(self.agreement(normalise(prediction), normalise(text)) for text in accepted)
                for prediction, accepted in zip(predictions, references, strict=True)
            ]
        )
        signature = f"{self.name}|mean|refs:best|normalise:{rule}"
        return Scores(per_item, mean_statistics(per_item), signature)

    def aggregate(self, sums: Floats) -> Floats:
        """The mean over items."""
        return mean_of_sums(sums)


METRICS.register("exact_match")(AnswerMetric("exact_match", exact_match))
METRICS.register("token_f1")(AnswerMetric("token_f1", token_f1))
METRICS.register("exact_text")(AnswerMetric("exact_text", exact_match, ("strip", str.strip)))
