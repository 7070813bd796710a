"""The kernels for CUDA compute the same forest attention, as far as a CPU can tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from attention_cases import dense, forests, heads, visible
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention import varlen

from tutelage.errors import UserError
from tutelage.model.attention import TreeLayout
from tutelage.model.attention.flex import FlexTreeLayout
from tutelage.model.attention.kernels import OneCallLayout, forest_layout
from tutelage.model.attention.layout import Heads
from tutelage.model.attention.varlen import VarlenTreeLayout
from tutelage.prompt.tree import Segment

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
BRANCHING = [Segment(0, 3, -1), Segment(3, 6, 0), Segment(6, 8, 0)]
FLAT = [Segment(0, 3, -1), Segment(3, 8, -1)]


def sequences(
    query: Tensor, key: Tensor, ends: list[Tensor], scale: float, window: list[int]
) -> Iterator[tuple[Tensor, slice, slice]]:
    """Attention weights of each sequence, (heads, queries, keys), and where it lies in both rows.

    As `varlen_attn` is documented: query i sees the keys from i + keys - queries - left to the
    same place + right (FlashAttention).
    """
    shared = query.shape[1] // key.shape[1]
    for (q0, q1), (k0, k1) in zip(*(pairwise(part.tolist()) for part in ends), strict=True):
        q, k = query[q0:q1], key[k0:k1].repeat_interleave(shared, dim=1)
        place = torch.arange(len(q))[:, None] + len(k) - len(q)
        at = torch.arange(len(k))[None]
        seen = at <= place + window[1]
        if window[0] >= 0:
            seen &= at >= place - window[0]
        scores = torch.einsum("qhd,khd->hqk", q, k) * scale
        yield scores.masked_fill(~seen, -torch.inf).softmax(dim=2), slice(q0, q1), slice(k0, k1)


@pytest.fixture(scope="module", autouse=True)
def _varlen_on_a_cpu() -> Iterator[None]:
    """The operators behind `varlen_attn` exist for CUDA only; here they are as documented."""

    def forward(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        cu_seq_q: Tensor,
        cu_seq_k: Tensor,
        max_q: int,
        max_k: int,
        is_causal: bool = False,
        scale: float | None = None,
        window_size: list[int] | None = None,
        enable_gqa: bool = False,
        *_: Any,
    ) -> tuple[Tensor, Tensor, Tensor]:
        ends = [cu_seq_q, cu_seq_k]
        assert [max_q, max_k] == [int(part.diff().max()) for part in ends]
        assert enable_gqa == (query.shape[1] != key.shape[1])
        assert scale is not None and window_size is not None
        output = torch.empty_like(query)
        value = value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)
        for weights, rows, keys in sequences(query, key, ends, scale, window_size):
            output[rows] = torch.einsum("hqk,khd->qhd", weights, value[keys])
        return output, output.new_zeros(0), torch.zeros(2, dtype=torch.uint64)

    def backward(
        grad: Tensor,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        out: Tensor,
        lse: Tensor,
        cu_seq_q: Tensor,
        cu_seq_k: Tensor,
        max_q: int,
        max_k: int,
        is_causal: bool,
        rng_state: Tensor,
        scale: float,
        window_size: list[int],
    ) -> tuple[Tensor, ...]:
        shared = query.shape[1] // key.shape[1]
        wide_key, wide_value = (x.repeat_interleave(shared, dim=1) for x in (key, value))
        grads = [torch.empty_like(x) for x in (query, wide_key, wide_value)]
        ends = [cu_seq_q, cu_seq_k]
        for weights, rows, keys in sequences(query, key, ends, scale, window_size):
            by_weights = torch.einsum("qhd,khd->hqk", grad[rows], wide_value[keys])
            mean = (by_weights * weights).sum(dim=2, keepdim=True)
            by_scores = weights * (by_weights - mean) * scale
            grads[0][rows] = torch.einsum("hqk,khd->qhd", by_scores, wide_key[keys])
            grads[1][keys] = torch.einsum("hqk,qhd->khd", by_scores, query[rows])
            grads[2][keys] = torch.einsum("hqk,qhd->khd", weights, grad[rows])
        by_query, *by_keys = grads
        return by_query, *(x.unflatten(1, (-1, shared)).sum(dim=2) for x in by_keys)

    with torch.library._scoped_library("torch_attn", "IMPL") as operators:
        operators.impl(varlen._varlen_attn._opoverload, forward, "CPU")
        operators.impl(varlen._varlen_attn_backward._opoverload, backward, "CPU")
        yield


def detached(asked: Heads) -> Heads:
    query, key, value = (part.detach() for part in (asked.query, asked.key, asked.value))
    return replace(asked, query=query, key=key, value=value)


@settings(max_examples=40)
@given(
    segments=forests(),
    shape=st.sampled_from([(2, 2), (4, 2)]),
    window=st.sampled_from([None, 1, 3]),
)
def test_varlen_equals_dense_attention(
    segments: list[Segment], shape: tuple[int, int], window: int | None
) -> None:
    results = []
    for way in ("varlen", "dense"):
        asked = heads(segments[-1].end, *shape, window)
        if way == "varlen":
            output = VarlenTreeLayout(segments).attend(asked)
        else:
            output = dense(asked, visible(segments, window))
        (output * torch.linspace(-1, 1, output.numel()).view(output.shape)).sum().backward()
        results.append((output, asked.query.grad, asked.key.grad, asked.value.grad))
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)


@settings(max_examples=30)
@given(
    segments=forests(),
    shape=st.sampled_from([(2, 2), (4, 2)]),
    window=st.sampled_from([None, 1, 3]),
    softcap=st.sampled_from([None, 0.5]),
)
def test_flex_equals_dense_attention(
    segments: list[Segment], shape: tuple[int, int], window: int | None, softcap: float | None
) -> None:
    asked = detached(heads(segments[-1].end, *shape, window, softcap))
    output = FlexTreeLayout(segments).attend(asked)
    expected = dense(asked, visible(segments, window))
    torch.testing.assert_close(output, expected, rtol=1e-6, atol=1e-7)


def test_a_cpu_gets_segments_and_nothing_else() -> None:
    for kernel in ("auto", "segments"):
        assert isinstance(forest_layout(kernel, BRANCHING, CPU), TreeLayout)
    for kernel in ("flex", "varlen"):
        with pytest.raises(UserError, match=f"{kernel} trains on CUDA only"):
            forest_layout(kernel, BRANCHING, CPU)
    assert isinstance(forest_layout("segments", BRANCHING, CUDA), TreeLayout)


def test_varlen_needs_a_release_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.11.0+cu130")
    with pytest.raises(UserError, match=r"varlen needs PyTorch 2\.12"):
        forest_layout("varlen", FLAT, CUDA)


def used(monkeypatch: pytest.MonkeyPatch, segments: list[Segment], asked: Heads) -> list[str]:
    """Which kernels `auto` used for one layer of a row; what they gave is compared as well."""
    found = []
    for kind in (TreeLayout, FlexTreeLayout, VarlenTreeLayout):

        def attend(self: Any, heads: Heads, plain: Any = kind.attend) -> Tensor:
            found.append(type(self).__name__)
            return plain(self, heads)

        monkeypatch.setattr(kind, "attend", attend)
    output = OneCallLayout("auto", segments, "cpu").attend(asked)
    monkeypatch.undo()
    if not asked.dropout:
        expected = dense(asked, visible(segments, asked.window))
        torch.testing.assert_close(output, expected, rtol=2e-2, atol=2e-2)
    return found


def test_auto_takes_the_first_kernel_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = detached(heads(8, 4, 2, size=16))
    half = replace(wide, **{at: getattr(wide, at).bfloat16() for at in ("query", "key", "value")})
    assert used(monkeypatch, FLAT, half) == ["VarlenTreeLayout"]
    assert used(monkeypatch, BRANCHING, half) == ["FlexTreeLayout"]
    assert used(monkeypatch, FLAT, wide) == ["FlexTreeLayout"]  # in float32
    assert used(monkeypatch, FLAT, replace(half, softcap=0.5)) == ["FlexTreeLayout"]
    assert used(monkeypatch, FLAT, replace(half, dropout=0.1)) == ["TreeLayout"]


def test_what_the_asked_kernel_cannot_is_refused() -> None:
    asked = detached(heads(8, 2, 2, softcap=2.0))
    with pytest.raises(UserError, match="soft-capped attention scores, which varlen cannot"):
        OneCallLayout("varlen", FLAT, "cpu").attend(asked)
    with pytest.raises(UserError, match=r"dropping 0\.1 of the attention weights, which flex"):
        OneCallLayout("flex", FLAT, "cpu").attend(replace(asked, dropout=0.1))
