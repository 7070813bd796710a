"""Supervised fine-tuning: the negative log-likelihood of the assistant's tokens."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.model.families import Family
from tutelage.model.linear_cross_entropy import cross_entropy_sum
from tutelage.prompt.tree import Forest
from tutelage.train.objectives import objectives


class Supervised:
    """Cross-entropy at the supervised tokens; see `Objective`."""

    def loss_sum(self, family: Family, model: PreTrainedModel, forest: Forest) -> Tensor:
        """Weighted cross-entropy of the forest's targets, summed, in nats."""
        device = model.device
        hidden = family.hidden_states(
            model,
            torch.from_numpy(forest.ids)[None].to(device),
            torch.from_numpy(forest.positions)[None].to(device),
        )
        predictors = torch.from_numpy(forest.predictors).to(device)
        return cross_entropy_sum(
            hidden[predictors],
            family.head(model),
            torch.from_numpy(forest.targets).to(device),
            torch.from_numpy(forest.weights).to(device),
        )


objectives.register("supervised")(Supervised())
