"""Attention over a forest equals dense attention along each token's own path."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.model.attention import TreeLayout, using
from tutelage.model.attention.flex import FlexTreeLayout
from tutelage.model.attention.kernels import forest_layout
from tutelage.model.attention.layout import Heads, attention
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


def heads(tokens: int, query_heads: int, key_heads: int, window: int | None) -> Heads:
    torch.manual_seed(tokens)
    query = torch.randn(1, query_heads, tokens, 4, dtype=torch.float64, requires_grad=True)
    key, value = (
        torch.randn(1, key_heads, tokens, 4, dtype=torch.float64, requires_grad=True)
        for _ in range(2)
    )
    return Heads(query, key, value, scale=0.3, window=window, dropout=0.0, layer=0)


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
    repeated = given_.query.shape[1] // given_.key.shape[1]
    key = given_.key.repeat_interleave(repeated, dim=1)
    value = given_.value.repeat_interleave(repeated, dim=1)
    scores = (given_.query @ key.transpose(2, 3)) * given_.scale
    return scores.masked_fill(~mask, float("-inf")).softmax(dim=3) @ value


@settings(max_examples=80, deadline=None)
@given(
    segments=forests(),
    shape=st.sampled_from([(1, 1), (4, 4), (6, 2), (3, 1)]),
    window=st.sampled_from([None, 1, 2, 5, 100]),
)
def test_equals_dense_attention(
    segments: list[Segment], shape: tuple[int, int], window: int | None
) -> None:
    results = []
    for way in ("tree", "dense"):
        given_ = heads(segments[-1].end, *shape, window)
        if way == "tree":
            output = TreeLayout(segments).attend(given_)
        else:
            output = dense(given_, visible(segments, window))
        (output * torch.linspace(-1, 1, output.numel()).view(output.shape)).sum().backward()
        results.append((output, given_.query.grad, given_.key.grad, given_.value.grad))
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    segments=forests(),
    shape=st.sampled_from([(2, 2), (4, 2)]),
    window=st.sampled_from([None, 1, 3]),
)
def test_flex_attention_equals_dense_attention(
    segments: list[Segment], shape: tuple[int, int], window: int | None
) -> None:
    made = heads(segments[-1].end, *shape, window)
    given_ = replace(
        made, query=made.query.detach(), key=made.key.detach(), value=made.value.detach()
    )
    output = FlexTreeLayout(segments).attend(given_)
    expected = dense(given_, visible(segments, window))
    torch.testing.assert_close(output, expected, rtol=1e-6, atol=1e-7)


def test_flex_attention_is_refused_where_it_cannot_train() -> None:
    segments = [Segment(0, 3, -1)]
    with pytest.raises(UserError, match="CUDA only"):
        forest_layout("flex", segments, torch.device("cpu"))
    with pytest.raises(UserError, match="attention weights"):
        FlexTreeLayout(segments).attend(replace(heads(3, 2, 2, None), dropout=0.1))


def test_paths_lead_from_the_root() -> None:
    segments = [Segment(0, 2, -1), Segment(2, 3, 0), Segment(3, 5, 1), Segment(5, 6, 0)]
    rows = [np.concatenate([np.arange(p.start, p.stop) for p in path]) for path in paths(segments)]
    assert [row.tolist() for row in rows] == [[0, 1], [0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 5]]


def test_attention_needs_a_layout_and_gives_it_back() -> None:
    given_ = heads(3, 2, 2, None)
    module = torch.nn.Module()
    module.layer_idx = 0
    arguments = (module, given_.query, given_.key, given_.value, None)
    with pytest.raises(RuntimeError, match="using"):
        attention(*arguments)
    outer = TreeLayout([Segment(0, 3, -1)])
    inner = TreeLayout([Segment(0, 1, -1), Segment(1, 3, -1)])
    with using(outer):
        as_outer = attention(*arguments)[0]
        with using(inner):
            assert not torch.equal(attention(*arguments)[0], as_outer)
        assert torch.equal(attention(*arguments)[0], as_outer)
    with using(TreeLayout([Segment(0, 1, -1)])), pytest.raises(RuntimeError, match="split"):
        attention(*arguments)  # a layout of another row
    with pytest.raises(RuntimeError, match="using"):
        attention(*arguments)


@pytest.mark.parametrize("feature", ["softcap", "s_aux"])
def test_what_is_not_supported_is_refused(feature: str) -> None:
    given_ = heads(3, 2, 2, None)
    module = torch.nn.Module()
    module.layer_idx = 0
    with using(TreeLayout([Segment(0, 3, -1)])), pytest.raises(NotImplementedError):
        attention(module, given_.query, given_.key, given_.value, None, **{feature: torch.ones(1)})


def test_dropout_drops_attention_weights() -> None:
    given_ = heads(40, 2, 2, None)
    dropped = Heads(given_.query, given_.key, given_.value, 0.3, None, 0.5, 0)
    layout = TreeLayout([Segment(0, 40, -1)])
    torch.manual_seed(0)
    first = layout.attend(dropped)
    torch.manual_seed(0)
    again = layout.attend(dropped)
    assert torch.equal(first, again)
    assert not torch.allclose(first, layout.attend(given_))
