"""The seam between what is minimised and the loop."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor
from transformers import PreTrainedModel

from tutelage.model.families import Family
from tutelage.prompt.tree import Forest


class Objective(Protocol):
    """What is minimised."""

    def loss_sum(self, family: Family, model: PreTrainedModel, forest: Forest) -> Tensor:
        """Sum of the pack's losses, a float32 scalar with a graph.

        Its weights sum to `forest.supervised_tokens`. Attention's layout is set by the caller.
        """
        ...
