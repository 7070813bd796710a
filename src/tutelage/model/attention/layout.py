"""The seam between transformers' models and our attention.

transformers calls one registered function for every layer. What that layer is to compute (a forest
of training sequences, a prompt to be kept, one new token a sequence) is a `Layout`, set around the
forward and backward pass. It is process-wide rather than passed along as a keyword, since older
architectures drop unknown keywords, and rather than thread-local, since activation checkpointing
recomputes in autograd's own threads. No mask is ever built by transformers: a name outside its
mask registry receives none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from transformers import AttentionInterface

from tutelage.model.attention.prefix import prefix_of

NAME = "tutelage"

Role = Literal["causal", "encoder", "cross"]
"""Who sees whom in a layer: a decoder's tokens those before them, an encoder's tokens each other,
or a decoder's tokens an encoder's."""


@dataclass(frozen=True, slots=True)
class Heads:
    """What one layer hands over, for the one row of tokens there is (two in an encoder-decoder).

    Attributes:
        query: (1, heads, tokens, head size).
        key: (1, key heads, tokens, head size); in the role `cross`, of the encoder's row.
        value: (1, key heads, tokens, head size); likewise.
        scale: factor on the dot products.
        window: how many tokens back a token sees, itself included; None for all.
        dropout: probability of dropping an attention weight.
        layer: the layer's index, for layouts that keep keys and values; -1 in encoders that do
            not number theirs.
        role: who sees whom.
        bias: (heads, 2 reach + 1), added to the score of a key at each distance from the query,
            from `reach` before it to `reach` behind it (T5); None for nearly all models.
        softcap: c in c * tanh(scores / c) (Gemma 2); None for nearly all models.
        prefix: keys and values that every token sees besides, each (1, key heads, prefix tokens,
            head size); None without prefix tuning.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    scale: float
    window: int | None
    dropout: float
    layer: int
    role: Role = "causal"
    bias: torch.Tensor | None = None
    softcap: float | None = None
    prefix: tuple[torch.Tensor, torch.Tensor] | None = None


def beyond_products(heads: Heads) -> str | None:
    """What a layer asks for beyond softmax(scores) @ values, in words; None for most layers.

    Only calls of scaled_dot_product_attention compute that, not the kernels for a whole row.
    """
    if heads.dropout:
        return f"dropping {heads.dropout:g} of the attention weights"
    if heads.prefix is not None:
        return "trained keys and values"
    return None if heads.bias is None else "biases by distance"


class Layout(Protocol):
    """What attention computes for a row of tokens."""

    def attend(self, heads: Heads) -> torch.Tensor:
        """The attended values, (1, heads, tokens, head size)."""
        ...


_current: Layout | None = None


@contextmanager
def using(layout: Layout) -> Iterator[None]:
    """Make attention compute `layout`; spans the backward pass too where there is one."""
    global _current  # noqa: PLW0603 - see the module's paragraph
    before, _current = _current, layout
    try:
        yield
    finally:
        _current = before


def in_use() -> Layout | None:
    """The layout that attention computes now."""
    return _current


# What it calls differs from pack to pack, which the compiler would compile each anew.
@torch.compiler.disable  # type: ignore[untyped-decorator]
def attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    position_bias: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention signature; see `Layout` for what is computed.

    Raises:
        RuntimeError: no layout is set.
        NotImplementedError: the model has attention sinks.
    """
    if _current is None:
        raise RuntimeError("attention 'tutelage' runs only inside `using(layout)`")
    if s_aux is not None:
        raise NotImplementedError("attention sinks are not supported")
    role = _role(module)
    index = getattr(module, "layer_idx", None)
    heads = Heads(
        query,
        key,
        value,
        scale=query.shape[-1] ** -0.5 if scaling is None else scaling,
        window=sliding_window,
        dropout=dropout,
        layer=-1 if index is None else int(index),
        role=role,
        bias=None if position_bias is None or role == "cross" else position_bias[0, :, 0],
        softcap=softcap,
        prefix=prefix_of(module, key),
    )
    return _current.attend(heads).transpose(1, 2).contiguous(), None


def _role(module: torch.nn.Module) -> Role:
    """By the marks that transformers' own attention functions go by; decoders may have none."""
    if getattr(module, "is_causal", True):
        return "causal"
    return "cross" if getattr(module, "is_decoder", False) else "encoder"


AttentionInterface.register(NAME, attention)
