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
from typing import Any, Protocol

import torch
from transformers import AttentionInterface

NAME = "tutelage"


@dataclass(frozen=True, slots=True)
class Heads:
    """What one layer hands over, for the one row of tokens there is.

    Attributes:
        query: (1, heads, tokens, head size).
        key: (1, key heads, tokens, head size).
        value: (1, key heads, tokens, head size).
        scale: factor on the dot products.
        window: how many tokens back a token sees, itself included; None for all.
        dropout: probability of dropping an attention weight.
        layer: the layer's index, for layouts that keep keys and values.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    scale: float
    window: int | None
    dropout: float
    layer: int


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
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention signature; see `Layout` for what is computed.

    Raises:
        RuntimeError: no layout is set.
        NotImplementedError: the model soft-caps its attention scores or has attention sinks.
    """
    if _current is None:
        raise RuntimeError("attention 'tutelage' runs only inside `using(layout)`")
    if softcap is not None or s_aux is not None:
        feature = "soft-capped attention scores" if softcap is not None else "attention sinks"
        raise NotImplementedError(f"{feature} are not supported")
    heads = Heads(
        query,
        key,
        value,
        scale=query.shape[-1] ** -0.5 if scaling is None else scaling,
        window=sliding_window,
        dropout=dropout,
        layer=int(module.layer_idx),  # type: ignore[arg-type]
    )
    return _current.attend(heads).transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, attention)
