"""The Triton kernel equals the plain operations; run by `test_cross_entropy_kernel`."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from tutelage.model import cross_entropy_kernel as kernel
from tutelage.model import linear_cross_entropy
from tutelage.model.families.family import Head
from tutelage.model.linear_cross_entropy import (
    cross_entropy_sum,
    plain_cross_entropy_sum,
    plain_target_log_probabilities,
    target_log_probabilities,
)

TRANSFORMS = {
    "plain": (1.0, None),
    "scale": (0.25, None),
    "softcap": (1.0, 3.0),
    "both": (4.0, 2.0),
}


@pytest.fixture(autouse=True)
def _in_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel in place of the plain operations, on a CPU, in chunks and blocks with a rest."""
    monkeypatch.setattr(kernel, "BLOCK", 16)
    monkeypatch.setattr(linear_cross_entropy, "CHUNK_LOGITS", 100)
    monkeypatch.setattr(linear_cross_entropy, "_in_kernel", lambda _hidden: True)


def inputs(trained: bool, rows: int = 7, vocabulary: int = 37) -> list[torch.Tensor]:
    torch.manual_seed(0)
    hidden = torch.randn(rows, 5, requires_grad=True)
    weight = torch.randn(vocabulary, 5, requires_grad=trained)
    bias = torch.randn(vocabulary, requires_grad=trained)
    return [hidden, weight, bias, torch.randint(0, vocabulary, (rows,)), torch.rand(rows)]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("trained", [True, False])
def test_the_loss_equals_its_definition(transform: str, trained: bool) -> None:
    results = []
    for function in (cross_entropy_sum, plain_cross_entropy_sum):
        hidden, weight, bias, targets, weights = inputs(trained)
        loss = function(hidden, Head(weight, bias, *TRANSFORMS[transform]), targets, weights)
        loss.backward()
        results.append((loss, *(leaf.grad for leaf in (hidden, weight, bias) if trained)))
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_log_probabilities_equal_their_definition(transform: str) -> None:
    results = []
    for function in (target_log_probabilities, plain_target_log_probabilities):
        hidden, weight, bias, targets, weights = inputs(trained=False)
        found = function(hidden, Head(weight, bias, *TRANSFORMS[transform]), targets)
        (found * weights).sum().backward()
        results.append((found, hidden.grad))
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("softcap", [None, 3.0])
def test_in_16_bits_only_the_gradient_is_rounded(softcap: float | None) -> None:
    torch.manual_seed(0)
    products = (5 * torch.randn(6, 300)).bfloat16()
    targets, weights = torch.randint(0, 300, (6,)), torch.rand(6)
    logits = products.float().requires_grad_()
    capped = logits if softcap is None else softcap * torch.tanh(logits / softcap)
    expected = torch.nn.functional.cross_entropy(capped, targets, reduction="none")
    (expected * weights).sum().backward()
    losses = kernel.losses_and_gradient(products, targets, weights, 1.0, softcap)
    assert products.dtype == torch.bfloat16
    torch.testing.assert_close(losses, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(products.float(), logits.grad, rtol=1 / 128, atol=1e-6)


def test_large_logits_do_not_overflow() -> None:
    products = torch.tensor([[3e4, 0.0, -3e4], [-3e4, -3e4, -3e4]])
    expected = torch.nn.functional.cross_entropy(products, torch.tensor([0, 2]), reduction="none")
    losses = kernel.losses_and_gradient(products, torch.tensor([0, 2]), torch.ones(2), 1.0, None)
    torch.testing.assert_close(losses, expected)
    assert products.isfinite().all()


def test_tensors_without_data_pass_through() -> None:
    """As they do where memory is predicted."""
    with FakeTensorMode():
        products = torch.empty(3, 37)
        targets, weights = torch.zeros(3, dtype=torch.int64), torch.ones(3)
        losses = kernel.losses_and_gradient(products, targets, weights, 1.0, None)
    assert losses.shape == (3,)
