"""Our AdamW equals torch's plain one, in float32 whatever the model's precision."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tutelage.train.optimizer import Optimizer, standing_bytes
from tutelage.train.options import TrainOptions

RATES = [1e-2, 3e-2, 2e-2, 1e-3, 5e-2]


def parameters(dtype: torch.dtype = torch.float32) -> dict[str, nn.Parameter]:
    torch.manual_seed(0)
    shapes = {"matrix": (4, 3), "bias": (4,), "embedding": (5, 3), "scalar": ()}
    return {name: nn.Parameter(torch.randn(shape).to(dtype)) for name, shape in shapes.items()}


def give_gradients(found: dict[str, nn.Parameter], step: int, factor: float = 1.0) -> None:
    torch.manual_seed(step)
    for parameter in found.values():
        parameter.grad = torch.randn(parameter.shape).to(parameter.dtype) * factor


@pytest.mark.parametrize("max_norm", [None, 0.5, 1e6])
def test_it_equals_torch_adamw(max_norm: float | None) -> None:
    options = TrainOptions(weight_decay=0.1, betas=(0.8, 0.95), max_gradient_norm=max_norm)
    ours, theirs = parameters(), parameters()
    optimizer = Optimizer(ours, options)
    reference = torch.optim.AdamW(
        [
            {"params": [theirs["matrix"], theirs["embedding"]], "weight_decay": 0.1},
            {"params": [theirs["bias"], theirs["scalar"]], "weight_decay": 0.0},
        ],
        betas=(0.8, 0.95),
        eps=options.epsilon,
        fused=False,
        foreach=False,
    )
    for step, rate in enumerate(RATES):
        give_gradients(ours, step)
        give_gradients(theirs, step)
        norm = optimizer.step(rate)
        expected = math.sqrt(sum(float(p.grad.square().sum()) for p in theirs.values()))
        assert norm == pytest.approx(expected, rel=1e-6)
        if max_norm is not None:
            nn.utils.clip_grad_norm_(theirs.values(), max_norm, foreach=False)
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
        assert all(parameter.grad is None for parameter in ours.values())
    for name, parameter in theirs.items():
        torch.testing.assert_close(ours[name], parameter, rtol=1e-6, atol=1e-7)


def test_small_updates_of_bfloat16_weights_are_not_lost() -> None:
    exact = {"matrix": nn.Parameter(torch.ones(8, 8))}
    rounded = {"matrix": nn.Parameter(torch.ones(8, 8, dtype=torch.bfloat16))}
    for found in (exact, rounded):
        optimizer = Optimizer(found, TrainOptions())
        for _ in range(64):
            found["matrix"].grad = torch.ones_like(found["matrix"])
            optimizer.step(1e-4)  # bfloat16 has no number between 0.996 and 1
    assert exact["matrix"][0, 0].item() == pytest.approx(1 - 64e-4, rel=1e-5)
    assert torch.equal(rounded["matrix"], exact["matrix"].bfloat16())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_its_state_continues_exactly(dtype: torch.dtype) -> None:
    options = TrainOptions(weight_decay=0.1)
    whole, first = parameters(dtype), parameters(dtype)
    uninterrupted, interrupted = Optimizer(whole, options), Optimizer(first, options)
    for step, rate in enumerate(RATES):
        if step == 2:
            saved = {name: tensor.clone() for name, tensor in interrupted.state().items()}
            first = parameters(dtype)
            interrupted = Optimizer(first, options)
            interrupted.load_state(saved)
        for found, optimizer in ((whole, uninterrupted), (first, interrupted)):
            give_gradients(found, step)
            if step < 3:
                found["bias"].grad = None  # a parameter may come into use late
            optimizer.step(rate)
    for name, parameter in whole.items():
        assert torch.equal(first[name], parameter)


def test_a_weight_laid_out_otherwise_continues_exactly() -> None:
    """A checkpoint keeps tensors row by row, whatever the weight's own order in memory."""
    start = torch.arange(12.0).reshape(3, 4).T

    def made() -> tuple[nn.Parameter, Optimizer]:
        weight = nn.Parameter(start.clone(memory_format=torch.preserve_format))
        assert not weight.is_contiguous()
        return weight, Optimizer({"matrix": weight}, TrainOptions())

    (whole, uninterrupted), (first, interrupted) = made(), made()
    for step in range(4):
        if step == 2:
            saved = {name: value.contiguous() for name, value in interrupted.state().items()}
            first, interrupted = made()
            interrupted.load_state(saved)
        for weight, optimizer in ((whole, uninterrupted), (first, interrupted)):
            weight.grad = torch.arange(12.0).reshape(4, 3) * (step + 1)
            optimizer.step(0.1)
    assert torch.equal(first, whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_gradient_that_is_not_finite_moves_nothing(dtype: torch.dtype) -> None:
    found = parameters(dtype)
    optimizer = Optimizer(found, TrainOptions())
    before = {name: parameter.detach().clone() for name, parameter in found.items()}
    give_gradients(found, 0)
    found["bias"].grad[1] = math.nan
    assert math.isnan(optimizer.step(0.1))
    for name, parameter in found.items():
        assert torch.equal(parameter, before[name]) and parameter.grad is None


def test_weights_alone_can_be_put_back() -> None:
    found = parameters(torch.bfloat16)
    optimizer = Optimizer(found, TrainOptions())
    saved = {name: tensor.clone() for name, tensor in optimizer.state().items()}
    give_gradients(found, 0)
    optimizer.step(0.5)
    optimizer.load_weights(saved)
    for name, parameter in parameters(torch.bfloat16).items():
        assert torch.equal(found[name], parameter)


def large(dtype: torch.dtype = torch.float32) -> dict[str, nn.Parameter]:
    torch.manual_seed(0)
    return {
        "matrix": nn.Parameter(torch.randn(96, 64).to(dtype)),  # in 8 bits
        "bias": nn.Parameter(torch.randn(96).to(dtype)),  # too small for them
    }


def test_eight_bits_follow_thirty_two() -> None:
    pytest.importorskip("bitsandbytes")
    exact, coarse = large(), large()
    optimizers = [
        Optimizer(exact, TrainOptions(max_gradient_norm=None)),
        Optimizer(coarse, TrainOptions(max_gradient_norm=None, optimizer="adamw_8bit")),
    ]
    before = large()
    for step in range(8):
        give_gradients(exact, 0, 1 + step / 10)
        give_gradients(coarse, 0, 1 + step / 10)
        for optimizer in optimizers:
            optimizer.step(1e-2)
    moved = (exact["matrix"] - before["matrix"]).norm()
    assert (coarse["matrix"] - exact["matrix"]).norm() < 0.1 * moved
    torch.testing.assert_close(coarse["bias"], exact["bias"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_eight_bits_continue_exactly(dtype: torch.dtype) -> None:
    pytest.importorskip("bitsandbytes")
    options = TrainOptions(weight_decay=0.1, optimizer="adamw_8bit")
    whole, first = large(dtype), large(dtype)
    uninterrupted, interrupted = Optimizer(whole, options), Optimizer(first, options)
    for step, rate in enumerate(RATES):
        if step == 2:
            saved = {name: tensor.clone() for name, tensor in interrupted.state().items()}
            first = large(dtype)
            interrupted = Optimizer(first, options)
            interrupted.load_state(saved)
        for found, optimizer in ((whole, uninterrupted), (first, interrupted)):
            give_gradients(found, step)
            optimizer.step(rate)
    for name, parameter in whole.items():
        assert torch.equal(first[name], parameter)


@pytest.mark.parametrize("kind", ["adamw", "adamw_8bit"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_bytes_it_will_hold_are_known(kind: str, dtype: torch.dtype) -> None:
    pytest.importorskip("bitsandbytes")
    found, options = large(dtype), TrainOptions(optimizer=kind)
    optimizer = Optimizer(found, options)
    give_gradients(found, 0)
    optimizer.step(1e-3)
    held = [
        tensor
        for name, tensor in optimizer.state().items()
        if dtype != torch.float32 or not name.startswith("weight.")
    ]
    counted = sum(tensor.numel() * tensor.itemsize for tensor in held if tensor.ndim)
    assert standing_bytes(found, options) == pytest.approx(counted, rel=0.01)
