"""Which examples an optimizer step trains on: a pure function of (seed, epoch, step).

Nothing is remembered between steps, so a resumed run sees exactly what the uninterrupted one
would have, whatever was going on when it stopped.

An epoch is a permutation of the examples, cut into steps. It is uniform, or, with `kin`, one that
lets examples with a common prefix meet (see `kinship`). Either way every example is as likely as
any other to stand at any place of an epoch, so a step's gradient is the data's mean gradient in
expectation; with `kin` the examples of a step are no longer independent of each other.

A mixture that takes some tasks more or less often than once an epoch draws the examples of an epoch
first (see `draws`), and they are shuffled in the same two ways.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tutelage.data.mixture import Mixture
from tutelage.train.draws import Draws
from tutelage.train.example import TrainingExample
from tutelage.train.kinship import Kinship
from tutelage.train.options import TrainOptions


@dataclass(frozen=True)
class Order:
    """The order of `examples` examples in steps of `batch_size`, shuffled anew each epoch.

    The last step of an epoch holds what is left, so that every epoch visits every example once; or,
    with `draws`, all that the epoch draws, which may be one more than in other epochs.

    Attributes:
        examples: how many there are.
        batch_size: examples a step.
        seed: of all epochs.
        kin: which examples begin alike, to let them meet; None shuffles uniformly.
        draws: which examples an epoch has; None is every example once.
    """

    examples: int
    batch_size: int
    seed: int
    kin: Kinship | None = None
    draws: Draws | None = None
    _drawn: dict[int, np.ndarray] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )  # the epoch asked for last, only to save drawing it again at every step

    @property
    def size(self) -> int:
        """Examples in an epoch; with `draws` some epochs may have one more."""
        return self.examples if self.draws is None else self.draws.mixture.smallest_epoch

    @property
    def steps_an_epoch(self) -> int:
        """Optimizer steps in an epoch."""
        return math.ceil(self.size / self.batch_size)

    def steps(self, epochs: float, max_steps: int | None) -> int:
        """Optimizer steps of the whole run, at least one."""
        steps = max(1, round(epochs * self.steps_an_epoch))
        return steps if max_steps is None else min(steps, max_steps)

    def indices(self, step: int) -> np.ndarray:
        """Indices of the examples of 0-based `step`, counted over all epochs."""
        epoch, within = divmod(step, self.steps_an_epoch)
        if epoch not in self._drawn:
            self._drawn.clear()
            self._drawn[epoch] = self._shuffled(epoch)
        last = within + 1 == self.steps_an_epoch
        end = None if last else (within + 1) * self.batch_size
        return self._drawn[epoch][within * self.batch_size : end]

    def epoch(self, step: int) -> float:
        """Passes over the examples after `step` steps."""
        whole, within = divmod(step, self.steps_an_epoch)
        return whole + min(within * self.batch_size / self.size, 1.0)

    def _shuffled(self, epoch: int) -> np.ndarray:
        random = np.random.default_rng((self.seed, epoch))
        drawn = None if self.draws is None else self.draws.epoch(epoch)
        if self.kin is not None:
            return self.kin.shuffled(random, drawn)
        return random.permutation(self.examples if drawn is None else drawn)


def make_order(
    examples: Sequence[TrainingExample], options: TrainOptions, mixture: Mixture | None = None
) -> Order:
    """The order that a recipe asks for.

    Args:
        examples: to train on.
        options: the recipe's.
        mixture: how their tasks are mixed; None takes every example once an epoch.
    """
    first = (example.all_sequences[0] for example in examples)
    kin = Kinship.of(first) if options.order == "related" else None
    draws = None if mixture is None or mixture.once_each else Draws(mixture, options.seed)
    return Order(len(examples), options.batch_size, options.seed, kin, draws)
