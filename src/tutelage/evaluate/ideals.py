"""Measures whose best value lies in the middle: neither none nor all, as half of all pairs is.

Such a figure has no direction in which it gets better, yet a verdict needs one. So it comes twice:
as its distance from the ideal, where less is better and by which the verdict goes, and as it is,
signed and without a direction, which says to which side it leans and whose interval says whether it
leans at all (that of a distance never reaches below zero).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tutelage.evaluate.measure import Measure
from tutelage.metrics.metric import Floats, Scores, mean_of_sums, mean_statistics
from tutelage.statistics import Interval


@dataclass(frozen=True)
class Leaning:
    """A figure with an ideal.

    Attributes:
        metric: what the figure itself is called.
        distance: what its distance from the ideal is called.
        ideal: its best value.
        signature: how it is computed.
        value: from (..., columns) sums of statistics to (...) values.
        scale: value of the whole, 1 or 100.
        bounds: its least and greatest value; None if there are none.
    """

    metric: str
    distance: str
    ideal: float
    signature: str
    value: Callable[[Floats], Floats] = mean_of_sums
    scale: int = 1
    bounds: Interval | None = (-1.0, 1.0)

    def measures(
        self,
        per_item: Sequence[float] | Floats,
        *,
        statistics: Floats | None = None,
        items: Sequence[int] | None = None,
        task: str = "",
        primary: bool = False,
    ) -> list[Measure]:
        """The distance, then the figure.

        Args:
            per_item: (items,) what each item adds to the figure.
            statistics: (items, columns) for `value`; those of a mean where left out.
            items: places of the questions; all where left out.
            task: the part of the suite.
            primary: whether the verdict goes by the distance.
        """
        values = np.asarray(per_item, dtype=np.float64)
        rows = mean_statistics(values) if statistics is None else statistics
        places = range(len(values)) if items is None else items

        def measure(
            metric: str, value: Callable[[Floats], Floats], what: str, bounds: Interval | None
        ) -> Measure:
            is_distance = metric == self.distance
            return Measure(
                metric=metric,
                items=places,
                scores=Scores(values, rows, what),
                aggregate=value,
                scale=self.scale,
                higher_is_better=False if is_distance else None,
                primary=primary and is_distance,
                task=task,
                bounds=bounds,
            )

        signed = f"{self.signature}; ideal {self.ideal:g}"
        away = f"distance from {self.ideal:g} of {self.metric}: {self.signature}"
        return [
            measure(self.distance, self._away, away, self._farthest()),
            measure(self.metric, self.value, signed, self.bounds),
        ]

    def _farthest(self) -> Interval | None:
        return self.bounds and (0.0, max(abs(bound - self.ideal) for bound in self.bounds))

    def _away(self, sums: Floats) -> Floats:
        return np.abs(self.value(sums) - self.ideal)
