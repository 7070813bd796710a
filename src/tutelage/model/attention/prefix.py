"""Trained keys and values that a layer's every token sees (Li & Liang 2021).

A `Prefix` is a child of the module that computes attention, where `attention` finds it; so it is
computed again with its layer, gathered with its layer, and needs no cache of past keys and values.
It belongs to the layer and not to the text: a sliding window never hides it.

With a projection the prefix is P + W2 tanh(W1 P), where W2 starts at zero. Li & Liang pass one
small table through one network for all layers; here each has its own, added to what it projects
(Razdaibiedina et al. 2023), so that layers stay independent and the start stays where it is.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHILD = "prefix"
"""Name of the child."""


class Prefix(nn.Module):
    """One layer's prefix, float32.

    Args:
        key: where its keys start, (key heads, prefix tokens, head size).
        value: where its values start, likewise.
        projection: width of the network, or None.
        generator: draws the network's way in.
    """

    def __init__(
        self, key: Tensor, value: Tensor, projection: int | None, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.enabled = True
        # A model hands over views; AdamW's fused step takes weight and means to lie alike.
        self.key = nn.Parameter(key.detach().float().clone(memory_format=torch.contiguous_format))
        self.value = nn.Parameter(
            value.detach().float().clone(memory_format=torch.contiguous_format)
        )
        self.narrow: nn.Parameter | None = None
        self.wide: nn.Parameter | None = None
        if projection is not None:
            width = 2 * key.shape[0] * key.shape[2]
            narrow = torch.empty(projection, width)
            nn.init.kaiming_uniform_(narrow, a=math.sqrt(5), generator=generator)
            self.narrow = nn.Parameter(narrow.to(key.device))
            self.wide = nn.Parameter(torch.zeros(width, projection, device=key.device))

    @property
    def tokens(self) -> int:
        """Length of the prefix."""
        return self.key.shape[1]

    def forward(self) -> tuple[Tensor, Tensor]:
        """Keys and values, each (key heads, prefix tokens, head size), float32."""
        if self.narrow is None or self.wide is None:
            return self.key, self.value
        heads, _, size = self.key.shape
        both = torch.cat([self.key, self.value]).transpose(0, 1).flatten(1)
        both = both + F.linear(torch.tanh(F.linear(both, self.narrow)), self.wide)
        both = both.view(-1, 2 * heads, size).transpose(0, 1)
        return both[:heads], both[heads:]


def prefix_of(module: nn.Module, like: Tensor) -> tuple[Tensor, Tensor] | None:
    """Keys and values (1, key heads, prefix tokens, head size) of a module that has a prefix.

    Args:
        module: computes attention.
        like: of the wanted precision.
    """
    found = module._modules.get(CHILD)
    if not isinstance(found, Prefix) or not found.enabled:
        return None
    key, value = found()
    return key[None].to(like.dtype), value[None].to(like.dtype)


def prefixes_of(model: nn.Module) -> dict[str, Prefix]:
    """All prefixes by the name of the module that computes attention, in the model's order."""
    return {
        name.removesuffix(f".{CHILD}"): module
        for name, module in model.named_modules()
        if isinstance(module, Prefix)
    }
