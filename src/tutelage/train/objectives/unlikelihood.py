"""Unlikelihood (Welleck et al. 2019): desired tokens likely, undesired ones unlikely.

Desired tokens have the supervised loss -log p, undesired ones -log(1 - p) times the paper's alpha;
the loss is the mean over both, weighted 1 and alpha. Undesired are the tokens of a negative
response from the first one in which it differs from the desired response, stop token included; of
a response that has no desired counterpart, all. An example may have either kind or both.

Where p is within `FLOOR` of 1, the loss goes on as a straight line in log p: there float32 knows
1 - p no better, and the published code, which cuts the loss off at this place, gives no gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.model.families import Family
from tutelage.prompt.negatives import Negatives
from tutelage.train.example import Pack, TrainingExample
from tutelage.train.objectives import PackLoss, objectives
from tutelage.train.options import TrainOptions
from tutelage.train.predictions import forest_log_probabilities, sequence_sums

FLOOR = 1e-5
"""Smallest 1 - p that is told from 0; fairseq's for this loss."""


class Unlikelihood:
    """Likelihood of what is desired, unlikelihood of what is not; see `Objective`."""

    negatives = Negatives.UNDESIRED
    needs_reference = False
    unit = "desired or undesired token"

    def __init__(self, options: TrainOptions) -> None:
        self.weight = options.unlikelihood.weight

    def parts(self, example: TrainingExample) -> Sequence[TrainingExample]:
        """Each sequence by itself."""
        alone = replace(example, sequences=(), negatives=())
        return [
            *(replace(alone, sequences=(sequence,)) for sequence in example.sequences),
            *(replace(alone, negatives=(sequence,)) for sequence in example.negatives),
        ]

    def weights(self, pack: Pack) -> Sequence[float]:
        """The desired tokens, and the undesired ones times their weight."""
        return [
            float(one.weights.sum()) * weight
            for example in pack.examples
            for kind, weight in ((example.sequences, 1.0), (example.negatives, self.weight))
            for one in kind
        ]

    def loss(self, family: Family, model: PreTrainedModel, pack: Pack) -> PackLoss:
        """Sum of the tokens' weighted losses; the log gets the two kinds apart."""
        undesired = torch.tensor([bool(example.negatives) for example in pack.examples])
        owners, targets, weights = map(torch.from_numpy, pack.forest.occurrences)
        values = forest_log_probabilities(family, model, pack.forest)

        def each_target(counted: Tensor) -> Tensor:
            """The summed weights of each target in the sequences that count."""
            sums = torch.zeros(len(values), dtype=torch.float64)
            sums.index_add_(0, targets, (weights * counted[owners]).double())
            return sums.to(values)

        desired = -(each_target(~undesired) * values).sum()
        against = self.weight * (each_target(undesired) * unlikelihood(values)).sum()
        figures = {"likelihood_loss": desired.item(), "unlikelihood_loss": against.item()}
        logs = values.detach()
        count = len(pack.examples)
        each = torch.where(
            undesired.to(logs.device),
            self.weight * sequence_sums(unlikelihood(logs), pack.forest, count),
            -sequence_sums(logs, pack.forest, count),
        )
        return PackLoss(desired + against, each, figures)


def unlikelihood(log_probabilities: Tensor) -> Tensor:
    """-log(1 - p) of log p, elementwise; a straight line in log p where 1 - p < `FLOOR`."""
    told = log_probabilities.clamp(max=math.log1p(-FLOOR))
    slope = (1 - FLOOR) / FLOOR
    return -torch.log(-torch.expm1(told)) + slope * (log_probabilities - told)


objectives.register("unlikelihood")(Unlikelihood)
