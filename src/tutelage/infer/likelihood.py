"""How likely a model finds given texts, token by token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from tutelage.model.attention import TreeLayout, using
from tutelage.model.families import Family
from tutelage.model.linear_cross_entropy import log_probabilities
from tutelage.prompt.tree import Segment


@torch.inference_mode()
def log_likelihoods(
    family: Family, model: PreTrainedModel, sequences: Sequence[Sequence[int]]
) -> list[np.ndarray]:
    """Log-probability of every token of a sequence but its first, given those before it.

    Each sequence is read alone, so its values do not depend on the others.

    Args:
        family: the model's kind.
        model: the model.
        sequences: token ids, at least two each.

    Returns:
        For each sequence, (tokens - 1,) float32 in nats.
    """
    model.train(False)
    found = []
    for sequence in sequences:
        ids = torch.tensor(sequence, device=model.device)
        positions = torch.arange(len(ids), device=model.device)
        with using(TreeLayout([Segment(0, len(ids), -1)], model.device)):
            hidden = family.hidden_states(model, ids[None], positions[None])
        found.append(log_probabilities(hidden[:-1], family.head(model), ids[1:]).cpu().numpy())
    return found
