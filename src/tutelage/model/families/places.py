"""Give the tokens of a packed row their own places, in models that would count along the row.

T5 adds a bias to its scores by the distance of two tokens, and BART's relatives add an embedding
of each token's place; in transformers 5 both are computed from the shape of the row, and the
stack's forward pass has no argument for them. But the modules that compute them have, so for the
length of a pass a forward hook gives it: an embedding of places its `position_ids`, T5's attention
a `position_bias` that holds one number for each distance (`attention.distance`), from which our
attention takes what the pairs of a segment need. That is also less to compute than a bias for
every pair of the row.

A layer that is computed again in the backward pass asks again, when the stack's pass is long over.
So the hooks of a pass with a graph stay until the stack's next pass, and do nothing but under the
layout of their own.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers.models.mt5.modeling_mt5 import MT5Attention
from transformers.models.t5.modeling_t5 import T5Attention

from tutelage.model.attention.layout import in_use

EMBEDDING = "embed_positions"

_kept: WeakKeyDictionary[nn.Module, list[RemovableHandle]] = WeakKeyDictionary()


def takes_places(stack: nn.Module) -> bool:
    """Whether a stack's tokens can be given their places."""
    embedding = _embedding(stack)
    if embedding is not None:
        return "position_ids" in inspect.signature(embedding.forward).parameters
    return any(isinstance(module, T5Attention | MT5Attention) for module in stack.modules())


@contextmanager
def placed(stack: nn.Module, positions: Tensor, reach: int) -> Iterator[None]:
    """Have a stack read its row at these places.

    Args:
        stack: an encoder or decoder, for which `takes_places`.
        positions: (tokens,) int64.
        reach: no place is larger; tokens may be told, since their values may not (memory is
            predicted with tensors that have none).
    """
    _remove(_kept.pop(stack, []))
    hooks: list[RemovableHandle] = []
    layout = in_use()
    embedding = _embedding(stack)
    if embedding is not None:

        def at_places(
            _: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return inputs, {**named, "position_ids": positions} if in_use() is layout else named

        hooks.append(embedding.register_forward_pre_hook(at_places, with_kwargs=True))

    def by_distance(
        module: Any, inputs: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        # The first layer makes one for all.
        if in_use() is layout and named.get("position_bias") is None:
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
        if torch.is_grad_enabled():
            _kept[stack] = hooks
        else:
            _remove(hooks)


def _bias(attention: Any, reach: int) -> Tensor:
    """The bias at each distance, (1, heads, 1, 2 reach + 1); of layers that have none, a zero."""
    if attention.has_relative_attention_bias:
        bias: Tensor = attention.compute_bias(1, 2 * reach + 1, past_seen_tokens=reach)
        return bias
    weight = attention.q.weight
    return torch.zeros(1, attention.n_heads, 1, 1, dtype=weight.dtype, device=weight.device)


def _remove(hooks: list[RemovableHandle]) -> None:
    for hook in hooks:
        hook.remove()


def _embedding(stack: nn.Module) -> nn.Module | None:
    return dict(stack.named_children()).get(EMBEDDING)
