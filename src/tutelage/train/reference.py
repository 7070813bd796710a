"""What the base model makes of the examples, for objectives that stay near it.

It is computed once, before the first step, from the model itself: with its tuning switched off
where the method keeps the base, and otherwise as it was loaded, so full fine-tuning needs no second
model either. There is no dropout in it, and it is a function of the examples and the token budget,
so a resumed run computes the same numbers again (bit for bit on a CPU). Examples are packed over
the whole data set, which shares more than a step's can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from transformers import PreTrainedModel

from tutelage.model.attention import TreeLayout, using
from tutelage.model.families import Family
from tutelage.prompt.rendered import Rendered
from tutelage.train.example import TrainingExample
from tutelage.train.packing import pack_groups
from tutelage.train.predictions import forest_log_probabilities, sequence_sums


@torch.no_grad()
def log_probability_sums(
    family: Family, model: PreTrainedModel, sequences: Sequence[Rendered], budget: int
) -> np.ndarray:
    """Weighted sum of the log-probabilities of each sequence's supervised tokens.

    Args:
        family: the model's kind.
        model: in the state to be asked; it is left in evaluation mode.
        sequences: at least one.
        budget: tokens in one forward pass.

    Returns:
        (sequences,) float64, in nats.
    """
    model.train(False)
    sums = np.empty(len(sequences))
    for forest, places in pack_groups([(sequence,) for sequence in sequences], budget):
        with using(TreeLayout(forest.segments, model.device)):
            values = forest_log_probabilities(family, model, forest)
        sums[places] = sequence_sums(values.double(), forest, len(places)).cpu().numpy()
    return sums


def with_reference(
    examples: Sequence[TrainingExample], family: Family, model: PreTrainedModel, budget: int
) -> list[TrainingExample]:
    """The examples with `reference` filled in by a model that is the base model now."""
    if not examples:
        return []
    sequences = [sequence for example in examples for sequence in example.all_sequences]
    sums = log_probability_sums(family, model, sequences, budget)
    ends = np.cumsum([len(example.all_sequences) for example in examples])
    return [
        replace(example, reference=tuple(part.tolist()))
        for example, part in zip(examples, np.split(sums, ends[:-1]), strict=True)
    ]
