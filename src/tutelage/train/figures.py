"""What the passes over some packs add up to: the loss, an objective's own figures, and every task's
loss by itself.

All are means by the weight of what they are a mean of, so the tasks' losses, weighted by the tasks'
weights, make up the loss. They come from the losses that a pass has computed anyway: a handful of
additions a pack (benchmarks/RESULTS.md, "mixtures").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tutelage.train.distribution import World
from tutelage.train.example import Pack
from tutelage.train.objectives import Objective, PackLoss


@dataclass(frozen=True, slots=True)
class TaskLoss:
    """A task's part of some packs.

    Attributes:
        loss: mean over the task's part; of no weight, 0.
        weight: what it is the mean of, in the objective's unit.
    """

    loss: float
    weight: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over packs.

    Attributes:
        loss: what is minimised.
        others: the objective's own figures, by name.
        tasks: each task's loss, by name.
    """

    loss: float
    others: dict[str, float]
    tasks: dict[str, TaskLoss]

    def row(self) -> dict[str, Any]:
        """The figures as fields of the log."""
        tasks = {
            task: {"loss": part.loss, "weight": part.weight} for task, part in self.tasks.items()
        }
        return {"loss": self.loss, **self.others, "tasks": tasks}


class Sums:
    """Takes what is found pass by pass.

    Args:
        objective: what is minimised.
        packs: all that will be passed over, in every process the same.

    Attributes:
        weight: what sums are divided by; packs without any weight have no loss and no gradient.
    """

    def __init__(self, objective: Objective, packs: Sequence[Pack]) -> None:
        self._weights: dict[str, float] = {}
        total = 0.0
        for pack in packs:
            for example, weight in zip(pack.examples, objective.weights(pack), strict=True):
                self._weights[example.task] = self._weights.get(example.task, 0.0) + weight
                total += weight
        self.weight = total or 1.0
        self._means: dict[str, float] = {}
        self._tasks = dict.fromkeys(sorted(self._weights), 0.0)

    def add(self, pack: Pack, found: PackLoss, *, counts: bool = True) -> None:
        """Take one pass; one that does not count adds nothing but the names of its figures."""
        divisor = self.weight if counts else math.inf
        for name, value in {"loss": found.sum.item(), **found.figures}.items():
            self._means[name] = self._means.get(name, 0.0) + value / divisor
        if counts:
            for example, loss in zip(pack.examples, found.losses.tolist(), strict=True):
                self._tasks[example.task] += loss

    def over_all(self, world: World) -> Figures:
        """The means, with what the other processes have found; all of them call it together."""
        # A process without a pack of some task has its name all the same.
        summed = iter(world.sum([*self._means.values(), *self._tasks.values()]))
        means = {name: next(summed) for name in self._means}
        tasks = {
            task: TaskLoss(next(summed) / (self._weights[task] or 1.0), self._weights[task])
            for task in self._tasks
        }
        return Figures(means.pop("loss"), means, tasks)
