"""Attention over a forest equals dense attention along each token's own path."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attention_cases import dense, forests, heads, visible
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.model.attention import TreeLayout, using
from tutelage.model.attention.layout import Heads, attention
from tutelage.model.attention.tree import paths
from tutelage.prompt.tree import Segment


@settings(max_examples=80, deadline=None)
@given(
    segments=forests(),
    shape=st.sampled_from([(1, 1), (4, 4), (6, 2), (3, 1)]),
    window=st.sampled_from([None, 1, 2, 5, 100]),
    softcap=st.sampled_from([None, 0.5, 2.0]),
)
def test_equals_dense_attention(
    segments: list[Segment], shape: tuple[int, int], window: int | None, softcap: float | None
) -> None:
    results = []
    for way in ("tree", "dense"):
        given_ = heads(segments[-1].end, *shape, window, softcap)
        if way == "tree":
            output = TreeLayout(segments).attend(given_)
        else:
            output = dense(given_, visible(segments, window))
        (output * torch.linspace(-1, 1, output.numel()).view(output.shape)).sum().backward()
        results.append((output, given_.query.grad, given_.key.grad, given_.value.grad))
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)


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


def test_what_is_not_supported_is_refused() -> None:
    given_ = heads(3, 2, 2, None)
    module = torch.nn.Module()
    module.layer_idx = 0
    with using(TreeLayout([Segment(0, 3, -1)])), pytest.raises(NotImplementedError):
        attention(module, given_.query, given_.key, given_.value, None, s_aux=torch.ones(1))


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
