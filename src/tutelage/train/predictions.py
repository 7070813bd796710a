"""From a forest of tokens to the log-probabilities of what it predicts."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.model.families import Family
from tutelage.model.linear_cross_entropy import target_log_probabilities
from tutelage.prompt.tree import Forest


def predicting_states(
    family: Family, model: PreTrainedModel, forest: Forest
) -> tuple[Tensor, Tensor]:
    """Hidden states that predict the forest's targets (targets, width), and the targets."""
    hidden = family.forest_states(model, forest)
    predictors = torch.from_numpy(forest.predictors).to(hidden.device)
    return hidden[predictors], torch.from_numpy(forest.targets).to(hidden.device)


def forest_log_probabilities(family: Family, model: PreTrainedModel, forest: Forest) -> Tensor:
    """Log-probability of each of the forest's targets, (targets,), with a graph."""
    hidden, targets = predicting_states(family, model, forest)
    return target_log_probabilities(hidden, family.head(model), targets)


def sequence_sums(values: Tensor, forest: Forest, sequences: int) -> Tensor:
    """Weighted sum of a value of each target over the tokens of each sequence.

    Args:
        values: (targets,).
        forest: whose targets these are.
        sequences: how many the forest was merged from.

    Returns:
        (sequences,), in the order in which they were given.
    """
    owners, targets, weights = (
        torch.from_numpy(column).to(values.device) for column in forest.occurrences
    )
    sums = values.new_zeros(sequences)
    return sums.index_add(0, owners, values[targets] * weights.to(values.dtype))
