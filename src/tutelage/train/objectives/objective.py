"""The seam between what is minimised and the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from torch import Tensor
from transformers import PreTrainedModel

from tutelage.model.families import Family
from tutelage.prompt.negatives import Negatives
from tutelage.train.example import Pack, TrainingExample


class PackLoss(NamedTuple):
    """What an objective makes of a pack.

    Attributes:
        sum: of the losses, a float32 scalar with a graph.
        losses: of each of the pack's examples, (examples,), without a graph; they add up to `sum`.
        figures: other sums for the log, by name; the loop divides them as it divides the loss.
    """

    sum: Tensor
    losses: Tensor
    figures: Mapping[str, float]


class Objective(Protocol):
    """What is minimised. One is made for a run, from the run's `TrainOptions`."""

    @property
    def negatives(self) -> Negatives:
        """How the renderer is to treat undesired responses."""
        ...

    @property
    def needs_reference(self) -> bool:
        """Whether examples must carry the base model's log-probabilities."""
        ...

    @property
    def unit(self) -> str:
        """What a weight of 1 stands for, such as `supervised token`: the loss is a mean of it."""
        ...

    def parts(self, example: TrainingExample) -> Sequence[TrainingExample]:
        """Cut an example into what need not be in the same pack."""
        ...

    def weights(self, pack: Pack) -> Sequence[float]:
        """Weight of each of the pack's examples, known before anything is computed."""
        ...

    def loss(self, family: Family, model: PreTrainedModel, pack: Pack) -> PackLoss:
        """Sum of the pack's losses. Attention's layout is set by the caller."""
        ...
