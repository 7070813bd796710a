"""Give the tokens of a packed row their own places, in models that would count along the row.

T5 adds a bias to its scores by the distance of two tokens, and BART's relatives add an embedding
of each token's place; in transformers 5 both are computed from the shape of the row, and the
stack's forward pass has no argument for them. But the modules that compute them have, so for the
length of a pass a forward hook gives it: an embedding of places its `position_ids`, T5's attention
a `position_bias` that holds one number for each distance (`attention.distance`), from which our
attention takes what the pairs of a segment need. That is also less to compute than a bias for
every pair of the row.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.mt5.modeling_mt5 import MT5Attention
from transformers.models.t5.modeling_t5 import T5Attention

EMBEDDING = "embed_positions"


def takes_places(stack: nn.Module) -> bool:
    """Whether a stack's tokens can be given their places."""
    embedding = _embedding(stack)
    if embedding is not None:
        return "position_ids" in inspect.signature(embedding.forward).parameters
    return any(isinstance(module, T5Attention | MT5Attention) for module in stack.modules())


@contextmanager
def placed(stack: nn.Module, positions: Tensor) -> Iterator[None]:
    """Have a stack read its row at these places.

    Args:
        stack: an encoder or decoder, for which `takes_places`.
        positions: (tokens,) int64.
    """
    hooks = []
    embedding = _embedding(stack)
    if embedding is not None:

        def at_places(
            _: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return inputs, {**named, "position_ids": positions}

        hooks.append(embedding.register_forward_pre_hook(at_places, with_kwargs=True))
    reach = int(positions.max()) if positions.numel() else 0

    def by_distance(
        module: Any, inputs: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if named.get("position_bias") is None:  # the first layer makes one for all
            named = {**named, "position_bias": _bias(module, reach)}
        return inputs, named

    hooks += [
        module.register_forward_pre_hook(by_distance, with_kwargs=True)
        for module in stack.modules()
        if isinstance(module, T5Attention | MT5Attention)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _bias(attention: Any, reach: int) -> Tensor:
    """The bias at each distance, (1, heads, 1, 2 reach + 1); of layers that have none, a zero."""
    if attention.has_relative_attention_bias:
        bias: Tensor = attention.compute_bias(1, 2 * reach + 1, past_seen_tokens=reach)
        return bias
    weight = attention.q.weight
    return torch.zeros(1, attention.n_heads, 1, 1, dtype=weight.dtype, device=weight.device)


def _embedding(stack: nn.Module) -> nn.Module | None:
    return dict(stack.named_children()).get(EMBEDDING)
