"""Validation: when a run looks at examples it does not train on, and what it makes of the loss.

The best step so far and how long nothing has been better are part of the run's progress, so a run
that is killed and resumed hands on the same weights and stops at the same step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tutelage.errors import UserError
from tutelage.train.checkpoint import Progress
from tutelage.train.example import TrainingExample
from tutelage.train.figures import Figures
from tutelage.train.options import TrainOptions, validation_interval
from tutelage.train.passes import Passes


class Validation:
    """The validations of one run.

    Args:
        passes: over the model that is tuned.
        examples: to validate on, may be empty.
        options: the recipe's.
        steps: optimizer steps planned.

    Attributes:
        every: steps between two.
    """

    def __init__(
        self,
        passes: Passes,
        examples: Sequence[TrainingExample],
        options: TrainOptions,
        steps: int,
    ) -> None:
        self.passes = passes
        self.packs = passes.packs(examples)
        self.patience = options.patience
        self.steps = steps
        self.every = validation_interval(options.validate_every if self.packs else None, steps)

    def due(self, step: int) -> bool:
        """Whether to validate after this step."""
        return bool(self.packs) and (step % self.every == 0 or step == self.steps)

    def figures(self) -> Figures:
        """The loss of the validation examples, a mean as in training, and its figures."""
        return self.passes.figures(self.packs)

    def validate(self, progress: Progress) -> tuple[Progress, dict[str, object]]:
        """Take the figures and judge the loss.

        Returns:
            Progress that knows whether this step is the best so far, and a row for the log.

        Raises:
            UserError: the loss is not finite.
        """
        figures = self.figures()
        loss = figures.loss
        if not math.isfinite(loss):
            raise UserError(
                f"the validation loss is not finite after step {progress.step}",
                fix="lower train.learning_rate, or set model.precision: float32",
            )
        best = progress.best_loss is None or loss < progress.best_loss
        supervised = sum(pack.forest.supervised_tokens for pack in self.packs)
        row = {
            "event": "validation",
            "step": progress.step,
            **figures.row(),
            "supervised_tokens": round(supervised),
            "best": best,
        }
        if best:
            return replace(progress, best_loss=loss, best_step=progress.step, worse=0), row
        return replace(progress, worse=progress.worse + 1), row

    def out_of_patience(self, progress: Progress) -> bool:
        """Whether the loss has not become lower for too long."""
        return self.patience is not None and progress.worse >= self.patience

    def ask_base(self) -> None:
        """Give the examples the base model's log-probabilities, if the objective needs them."""
        self.packs = [
            replace(pack, examples=tuple(self.passes.with_reference(pack.examples)))
            for pack in self.packs
        ]
