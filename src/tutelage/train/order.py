"""Which examples an optimizer step trains on: a pure function of (seed, epoch, step).

Nothing is remembered between steps, so a resumed run sees exactly what the uninterrupted one
would have, whatever was going on when it stopped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Order:
    """The order of `examples` examples in steps of `batch_size`, shuffled anew each epoch.

    The last step of an epoch holds what is left, so that every epoch visits every example once.
    """

    examples: int
    batch_size: int
    seed: int

    @property
    def steps_an_epoch(self) -> int:
        """Optimizer steps in one pass over the examples."""
        return math.ceil(self.examples / self.batch_size)

    def steps(self, epochs: float, max_steps: int | None) -> int:
        """Optimizer steps of the whole run, at least one."""
        steps = max(1, round(epochs * self.steps_an_epoch))
        return steps if max_steps is None else min(steps, max_steps)

    def indices(self, step: int) -> np.ndarray:
        """Indices of the examples of 0-based `step`, counted over all epochs."""
        epoch, within = divmod(step, self.steps_an_epoch)
        shuffled = np.random.default_rng((self.seed, epoch)).permutation(self.examples)
        return shuffled[within * self.batch_size : (within + 1) * self.batch_size]

    def epoch(self, step: int) -> float:
        """Passes over the examples after `step` steps."""
        whole, within = divmod(step, self.steps_an_epoch)
        return whole + min(within * self.batch_size / self.examples, 1.0)
