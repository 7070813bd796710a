"""Direct preference optimisation (Rafailov et al. 2023): the chosen response over the rejected one.

The loss of a pair is -log σ(β·Δ), where Δ is how much more the model has raised the log-probability
of the chosen response than that of the rejected one, since it was the base model. With label
smoothing ε (conservative DPO, Mitchell 2023) it is -(1-ε)·log σ(β·Δ) - ε·log σ(-β·Δ). An example
with several rejected responses is as many pairs. The prompt is computed once for all of them; a
token that chosen and rejected share at the beginning is predicted once, and has no gradient, as
its two shares cancel.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from transformers import PreTrainedModel

from tutelage.model.families import Family
from tutelage.prompt.negatives import Negatives
from tutelage.train.example import Pack, TrainingExample
from tutelage.train.objectives import PackLoss, objectives
from tutelage.train.options import TrainOptions
from tutelage.train.predictions import forest_log_probabilities, sequence_sums


class Dpo:
    """The loss of preference pairs; see `Objective`."""

    negatives = Negatives.PAIRED
    needs_reference = True
    unit = "pair"

    def __init__(self, options: TrainOptions) -> None:
        self.beta = options.dpo.beta
        self.smoothing = options.dpo.label_smoothing

    def parts(self, example: TrainingExample) -> Sequence[TrainingExample]:
        """An example stays whole."""
        return [example]

    def weights(self, pack: Pack) -> Sequence[float]:
        """The pairs."""
        return [float(len(example.negatives)) for example in pack.examples]

    def loss(self, family: Family, model: PreTrainedModel, pack: Pack) -> PackLoss:
        """Sum of the pairs' losses; the log gets the pairs' margins and how many are in order."""
        reference = [value for example in pack.examples for value in example.reference]
        values = forest_log_probabilities(family, model, pack.forest)
        # In float64: a margin is a small difference of sums over whole responses.
        sums = sequence_sums(values.double(), pack.forest, len(reference))
        rewards = self.beta * (sums - torch.tensor(reference, dtype=sums.dtype, device=sums.device))
        chosen, rejected = pairs(pack.examples)
        margins = rewards[chosen] - rewards[rejected]
        losses = -(1 - self.smoothing) * F.logsigmoid(margins)
        if self.smoothing:
            losses = losses - self.smoothing * F.logsigmoid(-margins)
        figures = {
            "reward_margin": margins.sum().item(),
            "pair_accuracy": float((margins > 0).sum()),
        }
        owners = [at for at, one in enumerate(pack.examples) for _ in one.negatives]
        each = losses.new_zeros(len(pack.examples)).index_add(
            0, torch.tensor(owners, device=losses.device), losses.detach()
        )
        return PackLoss(losses.sum().to(values.dtype), each, figures)


def pairs(examples: Sequence[TrainingExample]) -> tuple[list[int], list[int]]:
    """Numbers of the chosen and of the rejected sequence of every pair, as a forest has them."""
    chosen: list[int] = []
    rejected: list[int] = []
    first = 0
    for example in examples:
        end = first + len(example.all_sequences)
        rejected += range(end - len(example.negatives), end)
        chosen += [first] * len(example.negatives)
        first = end
    return chosen, rejected


objectives.register("dpo")(Dpo)
