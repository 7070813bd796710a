"""Logits of a step, computed so that they do not depend on how many sequences there are."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.model.families import Family
from tutelage.model.linear_cross_entropy import at_least_float32


def step_logits(family: Family, model: PreTrainedModel, hidden: Tensor, rows: int) -> Tensor:
    """Logits (rows, vocabulary) of hidden states (n, width), n at most `rows`; the rest is idle.

    A product, and a sum over the vocabulary, divide their work by the rows they are given: with
    fewer of them an answer would come out otherwise in its last bits.
    """
    padded = F.pad(hidden, (0, 0, 0, rows - len(hidden)))
    return at_least_float32(family.logits(model, padded))
