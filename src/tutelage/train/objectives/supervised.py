"""Supervised fine-tuning: the negative log-likelihood of the assistant's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from transformers import PreTrainedModel

from tutelage.model.families import Family
from tutelage.model.linear_cross_entropy import cross_entropies
from tutelage.prompt.negatives import Negatives
from tutelage.train.example import Pack, TrainingExample
from tutelage.train.objectives import PackLoss, objectives
from tutelage.train.options import TrainOptions
from tutelage.train.predictions import predicting_states, sequence_sums


class Supervised:
    """Cross-entropy at the supervised tokens; see `Objective`."""

    negatives = Negatives.IGNORED
    needs_reference = False
    unit = "supervised token"

    def __init__(self, options: TrainOptions) -> None:
        """There are no settings."""

    def parts(self, example: TrainingExample) -> Sequence[TrainingExample]:
        """Each sequence by itself."""
        return [replace(example, sequences=(sequence,)) for sequence in example.sequences]

    def weights(self, pack: Pack) -> Sequence[float]:
        """The supervised tokens."""
        return [float(one.weights.sum()) for example in pack.examples for one in example.sequences]

    def loss(self, family: Family, model: PreTrainedModel, pack: Pack) -> PackLoss:
        """Weighted cross-entropy of the targets, in nats."""
        hidden, targets = predicting_states(family, model, pack.forest)
        weights = torch.from_numpy(pack.forest.weights).to(model.device)
        total, each = cross_entropies(hidden, family.head(model), targets, weights)
        return PackLoss(total, sequence_sums(each, pack.forest, len(pack.examples)), {})


objectives.register("supervised")(Supervised)
