"""The chunked loss equals its definition, forwards and backwards, trained head or frozen."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.model import linear_cross_entropy
from tutelage.model.families.family import Head
from tutelage.model.linear_cross_entropy import (
    cross_entropy_sum,
    log_probabilities,
    plain_cross_entropy_sum,
)

HEADS = {
    "plain": {},
    "scale": {"scale": 0.25},
    "softcap": {"softcap": 3.0},
    "both": {"scale": 4.0, "softcap": 2.0},
}


@pytest.fixture(params=[1, 40, 1 << 23], ids=lambda chunk: f"chunk-{chunk}")
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_cross_entropy, "CHUNK_LOGITS", request.param)


def inputs(rows: int, bias: bool, trained: bool, dtype: torch.dtype = torch.float64) -> list:
    torch.manual_seed(0)
    hidden = torch.randn(rows, 5, dtype=dtype, requires_grad=True)
    weight = torch.randn(11, 5, dtype=dtype, requires_grad=trained)
    offset = torch.randn(11, dtype=dtype, requires_grad=trained) if bias else None
    return [hidden, weight, offset, torch.randint(0, 11, (rows,)), torch.rand(rows)]


@pytest.mark.parametrize("transform", HEADS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("trained", [True, False])
def test_gradients_are_right(chunk: None, transform: str, bias: bool, trained: bool) -> None:
    hidden, weight, offset, targets, weights = inputs(6, bias, trained)

    def loss(hidden: torch.Tensor, weight: torch.Tensor, offset: torch.Tensor | None) -> object:
        head = Head(weight, offset, **HEADS[transform])
        return cross_entropy_sum(hidden, head, targets, weights)

    assert torch.autograd.gradcheck(loss, (hidden, weight, offset))


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(0, 9),
    transform=st.sampled_from(sorted(HEADS)),
    bias=st.booleans(),
    trained=st.booleans(),
    size=st.sampled_from([1, 25, 1 << 23]),
)
def test_equals_the_definition(
    rows: int, transform: str, bias: bool, trained: bool, size: int
) -> None:
    results = []
    for function in (cross_entropy_sum, plain_cross_entropy_sum):
        hidden, weight, offset, targets, weights = inputs(rows, bias, trained)
        before, linear_cross_entropy.CHUNK_LOGITS = linear_cross_entropy.CHUNK_LOGITS, size
        try:
            loss = function(hidden, Head(weight, offset, **HEADS[transform]), targets, weights)
        finally:
            linear_cross_entropy.CHUNK_LOGITS = before
        (loss / 3).backward()  # the loop scales it
        results.append((loss, hidden.grad, weight.grad, None if offset is None else offset.grad))
    for ours, plain in zip(*results, strict=True):
        assert (ours is None) == (plain is None)
        if plain is not None:
            torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-12)


def test_nothing_to_predict_is_zero_with_a_graph(chunk: None) -> None:
    hidden, weight, _, targets, weights = inputs(0, False, True)
    loss = cross_entropy_sum(hidden, Head(weight, None), targets, weights)
    loss.backward()
    assert loss == 0 and hidden.grad.shape == (0, 5)
    assert not weight.grad.any()
    assert log_probabilities(hidden, Head(weight, None), targets).shape == (0,)


def test_half_precision_is_summed_in_float32(chunk: None) -> None:
    hidden, weight, offset, targets, weights = inputs(64, True, True, torch.bfloat16)
    loss = cross_entropy_sum(hidden, Head(weight, offset), targets, weights)
    loss.backward()
    exact = [tensor.detach().double() for tensor in (hidden, weight, offset)]
    plain = plain_cross_entropy_sum(exact[0], Head(*exact[1:]), targets, weights)
    assert loss.dtype == torch.float32 and weight.grad.dtype == torch.bfloat16
    torch.testing.assert_close(loss.double(), plain, rtol=1e-2, atol=0)


def test_without_gradients_it_is_the_same_and_forms_none(chunk: None) -> None:
    hidden, weight, offset, targets, weights = inputs(6, True, True)
    head = Head(weight, offset, 0.5, 3.0)
    with torch.no_grad():
        loss = cross_entropy_sum(hidden, head, targets, weights)
    assert not loss.requires_grad
    torch.testing.assert_close(
        loss, plain_cross_entropy_sum(hidden, head, targets, weights).detach()
    )


@pytest.mark.parametrize("transform", HEADS)
def test_log_probabilities_are_those_of_the_softmax(chunk: None, transform: str) -> None:
    hidden, weight, offset, targets, _ = inputs(6, True, False)
    head = Head(weight, offset, **HEADS[transform])
    expected = head.logits(hidden).log_softmax(dim=1)[torch.arange(6), targets]
    torch.testing.assert_close(log_probabilities(hidden, head, targets), expected.detach())
