"""Which examples of a mixture an epoch draws: each task in whole passes, one after the other.

A task's draws over all epochs are one long row: a permutation of its examples, then another, and so
on. An epoch takes up the row where the one before left off. So nobody is drawn for the (k+2)th time
before all of the task have been drawn k+1 times, however small its part or however often it is
repeated. Where the row stands is worked out from the epoch's number and not remembered, so a
resumed run draws what it would have.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tutelage.data.mixture import Mixture

PASSES = 0x70617373
"""Sets the random numbers of passes apart from those that shuffle an epoch."""


@dataclass(frozen=True, eq=False)
class Draws:
    """The draws of a mixture.

    Attributes:
        mixture: examples by task, and how many of each an epoch has.
        seed: of all passes.
    """

    mixture: Mixture
    seed: int
    _members: list[np.ndarray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_task = np.argsort(self.mixture.task_of, kind="stable")
        ends = np.cumsum(self.mixture.sizes)
        object.__setattr__(self, "_members", np.split(by_task, ends[:-1]))

    def epoch(self, epoch: int) -> np.ndarray:
        """Indices of the examples of a 0-based epoch, task by task; some may be there twice."""
        before = self.mixture.drawn_before(epoch).tolist()
        quotas = self.mixture.quotas(epoch).tolist()
        drawn = [
            self._row(task, first, first + quota)
            for task, (first, quota) in enumerate(zip(before, quotas, strict=True))
            if quota
        ]
        return np.concatenate(drawn)

    def _row(self, task: int, first: int, last: int) -> np.ndarray:
        """Draws [first, last) of a task."""
        members = self._members[task]
        size = len(members)
        passes = [
            np.random.default_rng((self.seed, PASSES, task, number)).permutation(members)
            for number in range(first // size, -(-last // size))
        ]
        start = first % size
        return np.concatenate(passes)[start : start + last - first]
