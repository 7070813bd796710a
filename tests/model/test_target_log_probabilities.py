"""Log-probabilities with a graph equal their definition, whatever is made of them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.model import linear_cross_entropy
from tutelage.model.families.family import Head
from tutelage.model.linear_cross_entropy import (
    log_probabilities,
    plain_target_log_probabilities,
    target_log_probabilities,
)

HEADS = {"plain": {}, "both": {"scale": 4.0, "softcap": 2.0}}


def inputs(rows: int, bias: bool, trained: bool, dtype: torch.dtype = torch.float64) -> list:
    torch.manual_seed(0)
    hidden = torch.randn(rows, 5, dtype=dtype, requires_grad=True)
    weight = torch.randn(11, 5, dtype=dtype, requires_grad=trained)
    offset = torch.randn(11, dtype=dtype, requires_grad=trained) if bias else None
    return [hidden, weight, offset, torch.randint(0, 11, (rows,))]


@settings(max_examples=60)
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
    found = []
    for function in (target_log_probabilities, plain_target_log_probabilities):
        hidden, weight, offset, targets = inputs(rows, bias, trained)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(linear_cross_entropy, "CHUNK_LOGITS", size)
            values = function(hidden, Head(weight, offset, **HEADS[transform]), targets)
            # A loss that makes something else of every token, and of all together.
            (values.cos().sum() + values.sum() ** 2).backward()
        leaves = [tensor.grad for tensor in (hidden, weight, offset) if tensor is not None]
        found.append([values.detach(), *leaves])
    for mine, definition in zip(*found, strict=True):
        torch.testing.assert_close(mine, definition, rtol=1e-10, atol=1e-10)


def test_only_the_head_is_trained() -> None:
    hidden, weight, offset, targets = inputs(6, bias=True, trained=True)
    hidden.requires_grad_(False)
    target_log_probabilities(hidden, Head(weight, offset), targets).exp().sum().backward()
    mine = weight.grad, offset.grad
    weight.grad = offset.grad = None
    plain_target_log_probabilities(hidden, Head(weight, offset), targets).exp().sum().backward()
    torch.testing.assert_close(mine, (weight.grad, offset.grad))


@pytest.mark.parametrize("trained", [True, False])
def test_half_precision_gives_float32(trained: bool) -> None:
    hidden, weight, _, targets = inputs(6, False, trained, torch.bfloat16)
    found = target_log_probabilities(hidden, Head(weight, None), targets)
    assert found.dtype == torch.float32
    found.sum().backward()
    assert hidden.grad.dtype == torch.bfloat16


def test_without_gradients_it_is_the_plain_function() -> None:
    hidden, weight, _, targets = inputs(6, False, True)
    with torch.no_grad():
        found = target_log_probabilities(hidden, Head(weight, None), targets)
    assert not found.requires_grad
    assert torch.equal(found, log_probabilities(hidden, Head(weight, None), targets))
