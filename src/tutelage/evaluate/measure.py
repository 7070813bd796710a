"""One figure of what a model said, item by item, so that two models can be paired."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tutelage.metrics.metric import Floats, Metric, Scores, mean_of_sums, mean_statistics
from tutelage.statistics import Interval


@dataclass(frozen=True)
class Measure:
    """One figure of a suite, item by item.

    Attributes:
        metric: what it is called.
        items: (items,) places of the questions that it is of, ascending.
        scores: of those, in that order.
        aggregate: from (..., columns) sums of the statistics to (...) values.
        scale: value of a perfect score, 1 or 100.
        higher_is_better: its direction; None where neither side is better, as for a figure whose
            best value lies in the middle.
        primary: whether the suite's verdict goes by it.
        task: the part of the suite that it is of; the whole where empty.
        bounds: its least and greatest value; None if there are none.
    """

    metric: str
    items: Sequence[int]
    scores: Scores
    aggregate: Callable[[Floats], Floats] = mean_of_sums
    scale: int = 1
    higher_is_better: bool | None = True
    primary: bool = False
    task: str = ""
    bounds: Interval | None = (0.0, 1.0)

    @classmethod
    def mean(
        cls,
        metric: str,
        values: Sequence[float] | Sequence[bool] | Floats,
        *,
        items: Sequence[int] | None = None,
        signature: str = "",
        higher_is_better: bool | None = True,
        primary: bool = False,
        task: str = "",
        details: Mapping[str, Any] | None = None,
        bounds: Interval | None = (0.0, 1.0),
    ) -> Measure:
        """The mean of one value an item, such as whether it is right."""
        per_item = np.asarray(values, dtype=np.float64)
        return cls(
            metric=metric,
            items=range(len(per_item)) if items is None else items,
            scores=Scores(per_item, mean_statistics(per_item), signature, dict(details or {})),
            higher_is_better=higher_is_better,
            primary=primary,
            task=task,
            bounds=bounds,
        )

    @classmethod
    def of(
        cls,
        metric: Metric,
        scores: Scores,
        *,
        items: Sequence[int] | None = None,
        primary: bool = False,
        task: str = "",
    ) -> Measure:
        """The measure of a metric of texts."""
        return cls(
            metric=metric.name,
            items=range(len(scores.per_item)) if items is None else items,
            scores=scores,
            aggregate=metric.aggregate,
            scale=metric.scale,
            higher_is_better=metric.higher_is_better,
            primary=primary,
            task=task,
            bounds=(0.0, float(metric.scale)),
        )
