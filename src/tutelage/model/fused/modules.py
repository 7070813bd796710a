"""Modules that take the place of transformers' own; their weights keep their names.

Each adopts the children of the module it replaces, whatever they are by then (plain linear layers,
or layers with a low-rank update), and keeps that module aside so that it can be put back. Where a
child is anything else (its update has dropout, its weight is quantised), it is called as it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from tutelage.model.attention.layout import attention
from tutelage.model.fused.gated import Activation, gated
from tutelage.model.fused.rms_norm import rms_norm
from tutelage.model.fused.rotary import rotate
from tutelage.model.methods.low_rank import LowRankLinear
from tutelage.model.projections import Projection, project


class HeadSettings(NamedTuple):
    """What an attention layer was seen to ask of the attention function.

    Attributes:
        size: features of a head.
        scale: factor on the dot products.
        window: how many tokens back a token sees, itself included; None for all.
        layer: the layer's index.
        softcap: c in c * tanh(scores / c), or None.
    """

    size: int
    scale: float
    window: int | None
    layer: int
    softcap: float | None


class Fused(nn.Module, ABC):
    """A module in place of another one, with its children or parameters."""

    def __init__(self, original: nn.Module) -> None:
        super().__init__()
        self._aside = (original,)  # in a tuple, so that its weights are not listed twice
        self.train(original.training)
        for name, child in original.named_children():
            self.add_module(name, child)
        for name, parameter in original.named_parameters(recurse=False):
            self.register_parameter(name, parameter)

    @abstractmethod
    def over(self, original: nn.Module) -> Self:
        """The same over another module of the replaced one's kind."""

    def original(self) -> nn.Module:
        """The replaced module, with what the children and parameters are now."""
        (original,) = self._aside
        for name, child in self.named_children():
            original.add_module(name, child)
        for name, parameter in self.named_parameters(recurse=False):
            original.register_parameter(name, parameter)
        return original.train(self.training)


class FusedNorm(Fused):
    """`rms_norm`.

    Args:
        original: the norm to replace; has a `weight`.
        epsilon: added to the mean square.
        offset: added to the weight (Gemma stores it less one).
    """

    weight: nn.Parameter

    def __init__(self, original: nn.Module, epsilon: float, offset: float) -> None:
        super().__init__(original)
        self.epsilon = epsilon
        self.offset = offset

    def over(self, original: nn.Module) -> Self:
        """The same over another norm."""
        return type(self)(original, self.epsilon, self.offset)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Normalised over the last dimension."""
        weight: Tensor = self.weight
        if self.offset:  # added before rounding to the model's precision
            weight = weight.to(torch.promote_types(weight.dtype, torch.float32)) + self.offset
        return rms_norm(hidden_states, weight, self.epsilon)


class FusedGated(Fused):
    """`gated`.

    Args:
        original: the feed-forward block to replace: gate_proj, up_proj, down_proj, act_fn.
        activation: what act_fn computes.
    """

    gate_proj: nn.Module
    up_proj: nn.Module
    down_proj: nn.Module
    act_fn: nn.Module

    def __init__(self, original: nn.Module, activation: Activation) -> None:
        super().__init__(original)
        self.activation = activation

    def over(self, original: nn.Module) -> Self:
        """The same over another block."""
        return type(self)(original, self.activation)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output, (..., width)."""
        layers = [projection(layer) for layer in (self.gate_proj, self.up_proj, self.down_proj)]
        gate, up, down = layers
        if gate is not None and up is not None and down is not None:
            return gated(x, gate, up, down, self.activation)
        y: Tensor = self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))
        return y


class FusedAttention(Fused):
    """Attention with rotary positions, its three products taken together.

    Args:
        original: the attention to replace: q_proj, k_proj, v_proj, o_proj and perhaps norms of
            each head, q_norm and k_norm.
        heads: what it was seen to ask for.
        dropout: probability of dropping an attention weight in training.
    """

    q_proj: nn.Module
    k_proj: nn.Module
    v_proj: nn.Module
    o_proj: nn.Module
    q_norm: nn.Module
    k_norm: nn.Module

    def __init__(self, original: nn.Module, heads: HeadSettings, dropout: float) -> None:
        super().__init__(original)
        self.heads = heads
        self.layer_idx = heads.layer
        self.dropout = dropout

    def over(self, original: nn.Module) -> Self:
        """The same over another attention."""
        return type(self)(original, self.heads, self.dropout)

    def forward(
        self, hidden_states: Tensor, position_embeddings: tuple[Tensor, Tensor], **_: Any
    ) -> tuple[Tensor, None]:
        """The attended values after the output product, (1, tokens, width)."""
        cos, sin = (part.unsqueeze(-2) for part in position_embeddings)
        query, key, value = self._products(hidden_states)
        if "q_norm" in self._modules:
            query, key = self.q_norm(query), self.k_norm(key)
        attended, _weights = attention(
            self,
            rotate(query, cos, sin).transpose(1, 2),
            rotate(key, cos, sin).transpose(1, 2),
            value.transpose(1, 2),
            attention_mask=None,
            scaling=self.heads.scale,
            dropout=self.dropout if self.training else 0.0,
            sliding_window=self.heads.window,
            softcap=self.heads.softcap,
        )
        return self.o_proj(attended.flatten(-2)), None

    def _products(self, x: Tensor) -> list[Tensor]:
        """Queries, keys and values, each (1, tokens, its heads, head size)."""
        layers = (self.q_proj, self.k_proj, self.v_proj)
        together = [projection(layer) for layer in layers]
        known = [found for found in together if found is not None]
        products = (
            project(x, known) if len(known) == len(layers) else [layer(x) for layer in layers]
        )
        return [y.unflatten(-1, (-1, self.heads.size)) for y in products]


def projection(layer: nn.Module) -> Projection | None:
    """A linear layer as tensors; None if it has to be called itself."""
    if isinstance(layer, LowRankLinear):
        return layer.projection()
    if type(layer) is nn.Linear and layer.weight.is_floating_point():
        return Projection(layer.weight, layer.bias)
    return None
