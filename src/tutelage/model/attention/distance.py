"""T5's position bias: what is added to a score depends on the distance of key from query alone.

transformers computes it for every pair of tokens of a row (Raffel et al. 2020, section 2.1), which
in a packed row is wrong, as distances there are not those of the tokens' own sequences, and large:
64 MiB for 2,048 tokens and 4 heads in float32. A layer hands over the bias of each distance
instead, one number a head, and each segment takes from it what its pairs need.
"""

from __future__ import annotations

import torch
from torch import Tensor


def distance_bias(bias: Tensor, queries: int, keys: int) -> Tensor:
    """What is added to the scores of some keys, for queries that are the last of them.

    Args:
        bias: (heads, 2 reach + 1), from `reach` before the query to `reach` behind it.
        queries: how many.
        keys: how many; at most reach + 1.

    Returns:
        (heads, queries, keys).
    """
    places = torch.arange(keys, device=bias.device)
    distances = places[None] - places[keys - queries :, None]
    at = distances + bias.shape[1] // 2
    # Not bias[:, at]: looking up by two dimensions takes three times as long.
    return bias.index_select(1, at.flatten()).view(-1, queries, keys)
