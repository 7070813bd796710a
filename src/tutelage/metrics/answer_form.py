"""Output-format accuracy: the share of answers in the form that their task demands.

A form (a JSON schema, a regular expression, a set of labels) is a verifiable instruction that all
answers of a task have in common, so it is judged as one, by the strict rule: what reads the answers
of a task reads them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tutelage.constraints import holds
from tutelage.metrics.instruction_following import demand
from tutelage.metrics.metric import METRICS, Floats, Scores, mean_of_sums, mean_statistics


@dataclass(frozen=True)
class FormAccuracy:
    """The share of answers in the form that their task demands."""

    name: str
    scale: ClassVar[Literal[1]] = 1
    higher_is_better: ClassVar[bool] = True
    answers: ClassVar[Literal["form"]] = "form"

    def score(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        """1 for an answer in all of the forms among its references (there is one, as a rule)."""
        per_item = np.array(
            [
                all(holds(each.constraint, answer, each.prompt) for each in map(demand, texts))
                for answer, texts in zip(predictions, references, strict=True)
            ],
            dtype=float,
        )
        return Scores(per_item, mean_statistics(per_item), f"{self.name}|mean|strict")

    def aggregate(self, sums: Floats) -> Floats:
        """The share of answers."""
        return mean_of_sums(sums)


for name in ("json_schema", "regular_expression", "label_set"):
    METRICS.register(name)(FormAccuracy(name))
