"""Forests, what a layer asks for over them, and attention by its definition."""

from __future__ import annotations

import itertools

import torch
from hypothesis import strategies as st

from tutelage.model.attention.layout import Heads
from tutelage.model.attention.tree import paths
from tutelage.prompt.tree import Segment


@st.composite
def forests(draw: st.DrawFn) -> list[Segment]:
    """Segments of 1 to 6 tokens, each below any earlier one or a root."""
    segments: list[Segment] = []
    start = 0
    for at in range(draw(st.integers(1, 7))):
        end = start + draw(st.integers(1, 6))
        segments.append(Segment(start, end, draw(st.integers(-1, at - 1))))
        start = end
    return segments


def heads(
    tokens: int,
    query_heads: int,
    key_heads: int,
    window: int | None = None,
    softcap: float | None = None,
    size: int = 4,
) -> Heads:
    """What a layer asks for, the same every time."""
    torch.manual_seed(tokens)
    query = torch.randn(1, query_heads, tokens, size, dtype=torch.float64, requires_grad=True)
    key, value = (
        torch.randn(1, key_heads, tokens, size, dtype=torch.float64, requires_grad=True)
        for _ in range(2)
    )
    return Heads(query, key, value, scale=0.3, window=window, dropout=0.0, layer=0, softcap=softcap)


def visible(segments: list[Segment], window: int | None) -> torch.Tensor:
    """Which tokens each token sees, straight from the definition."""
    tokens = segments[-1].end
    seen = torch.zeros(tokens, tokens, dtype=torch.bool)
    for path in paths(segments):
        along = list(itertools.chain(*(range(part.start, part.stop) for part in path)))
        for depth, token in enumerate(along):
            first = 0 if window is None else max(0, depth - window + 1)
            seen[token, along[first : depth + 1]] = True
    return seen


def dense(given_: Heads, mask: torch.Tensor) -> torch.Tensor:
    """Attention by its definition, for (tokens, tokens) of what is seen."""
    repeated = given_.query.shape[1] // given_.key.shape[1]
    key = given_.key.repeat_interleave(repeated, dim=1)
    value = given_.value.repeat_interleave(repeated, dim=1)
    scores = (given_.query @ key.transpose(2, 3)) * given_.scale
    if given_.softcap is not None:
        scores = given_.softcap * torch.tanh(scores / given_.softcap)
    return scores.masked_fill(~mask, float("-inf")).softmax(dim=3) @ value
