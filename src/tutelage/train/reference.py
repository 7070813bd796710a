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
from functools import partial

import numpy as np
import torch

from tutelage.model.attention import using
from tutelage.model.families import Family
from tutelage.prompt.rendered import Rendered
from tutelage.train.distribution import ALONE, Unit, World
from tutelage.train.example import TrainingExample
from tutelage.train.packing import pack_groups
from tutelage.train.predictions import forest_log_probabilities, sequence_sums


@torch.no_grad()
def log_probability_sums(
    family: Family,
    unit: Unit,
    sequences: Sequence[Rendered],
    budget: int,
    world: World = ALONE,
) -> np.ndarray:
    """Weighted sum of the log-probabilities of each sequence's supervised tokens.

    Args:
        family: the model's kind.
        unit: of the model in the state to be asked; it is left in evaluation mode.
        sequences: at least one.
        budget: tokens in one forward pass.
        world: the processes that share the work.

    Returns:
        (sequences,) float64, in nats.
    """
    unit.model.train(False)
    sums = np.zeros(len(sequences))
    packs = pack_groups([(sequence,) for sequence in sequences], budget)
    for index, (forest, places) in world.share(packs, cost=lambda pack: len(pack.forest)):
        with using(family.layout(unit.model, forest, "segments")):
            values = unit(partial(forest_log_probabilities, family, forest=forest))
        if index is not None:
            sums[places] = sequence_sums(values.double(), forest, len(places)).cpu().numpy()
    world.release(unit)
    return np.array(world.sum(sums.tolist()))


def with_reference(
    examples: Sequence[TrainingExample],
    family: Family,
    unit: Unit,
    budget: int,
    world: World = ALONE,
) -> list[TrainingExample]:
    """The examples with `reference` filled in by a model that is the base model now."""
    if not examples:
        return []
    sequences = [sequence for example in examples for sequence in example.all_sequences]
    sums = log_probability_sums(family, unit, sequences, budget, world)
    ends = np.cumsum([len(example.all_sequences) for example in examples])
    return [
        replace(example, reference=tuple(part.tolist()))
        for example, part in zip(examples, np.split(sums, ends[:-1]), strict=True)
    ]
