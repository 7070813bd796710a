"""Loss and log-probabilities of chosen tokens without the logits of all the others.

The output head is a model's largest matrix; for a vocabulary of 262k the logits of one token are
a megabyte. Only positions that carry loss come here, in chunks, and the gradient of a chunk is
formed while its logits are there, so that none are kept for the backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from tutelage.model.families.family import Head

CHUNK_LOGITS = 1 << 23
"""Logits formed at a time: 32 MiB in float32."""
CUDA_CHUNKS = 4
"""How many times larger a chunk is on CUDA: 256 rows for a vocabulary of 128k, as a product of
fewer rows than about 300 only waits for the head's weight (989 TFLOP/s and 3.35 TB/s of an H100,
not measured by us)."""


def at_least_float32(tensor: Tensor) -> Tensor:
    """The tensor as float32, or as it is where it is more precise."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def plain_cross_entropy_sum(hidden: Tensor, head: Head, targets: Tensor, weights: Tensor) -> Tensor:
    """The definition, all logits at once; see `cross_entropy_sum`."""
    logits = at_least_float32(head.logits(hidden))
    return (F.cross_entropy(logits, targets, reduction="none") * weights).sum()


def cross_entropy_sum(hidden: Tensor, head: Head, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of the targets' cross-entropies, in nats.

    Args:
        hidden: (n, width), the states that predict; n may be 0 (the sum is 0, with a graph).
        head: the output head; its weight and bias get gradients if they are trained.
        targets: (n,) int64.
        weights: (n,) float32.

    Returns:
        A scalar, float32 (float64 for a model of that precision).
    """
    return cross_entropies(hidden, head, targets, weights)[0]


def cross_entropies(
    hidden: Tensor, head: Head, targets: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """`cross_entropy_sum`, and each target's cross-entropy, (n,), unweighted, without a graph."""
    if not torch.is_grad_enabled():  # the function below would form gradients all the same
        each = -log_probabilities(hidden, head, targets)
        return (each * weights).sum(), each
    found: tuple[Tensor, Tensor] = _CrossEntropySum.apply(  # type: ignore[no-untyped-call]
        hidden, head.weight, head.bias, targets, weights, head.scale, head.softcap
    )
    return found


@torch.no_grad()
def log_probabilities(hidden: Tensor, head: Head, targets: Tensor) -> Tensor:
    """Natural logarithm of each target's probability, (n,), at least float32."""
    found = [
        _picked(logits, targets[rows]) - logits.logsumexp(dim=1)
        for rows, logits in _chunks(hidden, head)
    ]
    return torch.cat(found) if found else at_least_float32(hidden.new_zeros(0))


def _chunks(hidden: Tensor, head: Head, *, bare: bool = False) -> Iterator[tuple[slice, Tensor]]:
    """Logits, at least float32, a few rows at a time; all chunks of nearly the same size.

    With `bare` they are the head's products, as they come, before its scale and cap.
    """
    logits = CHUNK_LOGITS * (CUDA_CHUNKS if hidden.is_cuda else 1)
    most = max(1, logits // head.weight.shape[0])
    size = math.ceil(len(hidden) / max(1, math.ceil(len(hidden) / most)))  # a rest would be slow
    for start in range(0, len(hidden), max(1, size)):
        rows = slice(start, min(start + size, len(hidden)))
        if bare:
            yield rows, F.linear(hidden[rows], head.weight, head.bias)
        else:
            yield rows, at_least_float32(head.logits(hidden[rows]))


def _picked(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.gather(1, targets[:, None])[:, 0]


def plain_target_log_probabilities(hidden: Tensor, head: Head, targets: Tensor) -> Tensor:
    """The definition, all logits at once; see `target_log_probabilities`."""
    logits = at_least_float32(head.logits(hidden))
    return _picked(F.log_softmax(logits, dim=1), targets)


def target_log_probabilities(hidden: Tensor, head: Head, targets: Tensor) -> Tensor:
    """`log_probabilities` with a graph, for losses that are functions of them.

    What such a loss makes of a token is known only after all tokens, when the logits are gone.
    But it scales the token's gradient as a whole: for a frozen head that gradient is formed along
    with the logits, and scaled later. A head that is trained gets the sum of outer products, so
    there the logits are formed again.

    Args:
        hidden: (n, width), the states that predict; n may be 0.
        head: the output head; its weight and bias get gradients if they are trained.
        targets: (n,) int64.

    Returns:
        (n,), at least float32, in nats.
    """
    if not torch.is_grad_enabled():
        return log_probabilities(hidden, head, targets)
    found: Tensor = _TargetLogProbabilities.apply(  # type: ignore[no-untyped-call]
        hidden, head.weight, head.bias, targets, head.scale, head.softcap
    )
    return found


class _CrossEntropySum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        weights: Tensor,
        scale: float,
        softcap: float | None,
    ) -> tuple[Tensor, Tensor]:
        head = Head(weight, bias, scale, softcap)
        wants_hidden, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        grad_hidden = torch.empty_like(hidden) if wants_hidden else None
        precise = torch.promote_types(hidden.dtype, torch.float32)
        grad_weight = torch.zeros_like(weight, dtype=precise) if wants_weight else None
        grad_bias = torch.zeros_like(bias, dtype=precise) if wants_bias else None  # type: ignore[arg-type]
        loss = hidden.new_zeros((), dtype=precise)
        each = hidden.new_empty(len(hidden), dtype=precise)
        for rows, found, grad in _gradients(hidden, head, targets, weights):
            each[rows] = found
            loss += (each[rows] * weights[rows]).sum()
            if not any(ctx.needs_input_grad[:3]):
                continue
            grad = grad.to(hidden.dtype)
            if grad_hidden is not None:
                torch.mm(grad, weight, out=grad_hidden[rows])
            if grad_weight is not None:
                grad_weight += grad.T @ hidden[rows]
            if grad_bias is not None:
                grad_bias += grad.sum(dim=0)
        ctx.save_for_backward(grad_hidden, grad_weight, grad_bias)
        ctx.weight_dtype = weight.dtype
        ctx.mark_non_differentiable(each)
        return loss, each

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: None) -> tuple[Tensor | None, ...]:
        grad_hidden, grad_weight, grad_bias = ctx.saved_tensors
        return (
            None if grad_hidden is None else grad_hidden * grad.to(grad_hidden.dtype),
            None if grad_weight is None else (grad_weight * grad).to(ctx.weight_dtype),
            None if grad_bias is None else (grad_bias * grad).to(ctx.weight_dtype),
            *(None,) * 4,
        )


class _TargetLogProbabilities(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        scale: float,
        softcap: float | None,
    ) -> Tensor:
        ctx.head = scale, softcap
        wants_hidden, *wants_head = ctx.needs_input_grad[:3]
        if any(wants_head) or not wants_hidden:
            ctx.save_for_backward(hidden, weight, bias, targets, None)
            return log_probabilities(hidden, Head(weight, bias, scale, softcap), targets)
        head = Head(weight, bias, scale, softcap)
        unit = torch.empty_like(hidden)  # the gradient of each token's log-probability
        found = hidden.new_empty(
            len(hidden), dtype=torch.promote_types(hidden.dtype, torch.float32)
        )
        minus = -torch.ones_like(found)
        for rows, losses, grad in _gradients(hidden, head, targets, minus):
            found[rows] = -losses
            torch.mm(grad.to(hidden.dtype), weight, out=unit[rows])
        ctx.save_for_backward(None, None, None, None, unit)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, targets, unit = ctx.saved_tensors
        if unit is not None:
            return unit * grad[:, None].to(unit.dtype), *(None,) * 5
        wanted = ctx.needs_input_grad[:3]
        leaves: list[Any] = [
            tensor if tensor is None else tensor.detach().requires_grad_(want)
            for tensor, want in zip((hidden, weight, bias), wanted, strict=True)
        ]
        with torch.enable_grad():
            # So weighted, the gradient of the summed cross-entropies is the one asked for.
            head = Head(leaves[1], leaves[2], *ctx.head)
            total = cross_entropy_sum(leaves[0], head, targets, -grad)
            asked = [leaf for leaf, want in zip(leaves, wanted, strict=True) if want]
            found = iter(torch.autograd.grad(total, asked))
        return *(next(found) if want else None for want in wanted), *(None,) * 3


def _gradients(
    hidden: Tensor, head: Head, targets: Tensor, weights: Tensor
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Chunk by chunk: its rows, and what `_losses_and_gradient` gives for them."""
    in_kernel = _in_kernel(hidden)
    for rows, logits in _chunks(hidden, head, bare=in_kernel):
        if in_kernel:
            from tutelage.model.cross_entropy_kernel import losses_and_gradient

            transform = head.scale, head.softcap
            yield (
                rows,
                losses_and_gradient(logits, targets[rows], weights[rows], *transform),
                logits,
            )
        else:
            yield rows, *_losses_and_gradient(logits, targets[rows], weights[rows], head)


def _in_kernel(hidden: Tensor) -> bool:
    """Whether one kernel does it: on CUDA, where PyTorch's builds for Linux bring Triton."""
    return hidden.is_cuda and hidden.dtype != torch.float64 and _has_triton()


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def _losses_and_gradient(
    logits: Tensor, targets: Tensor, weights: Tensor, head: Head
) -> tuple[Tensor, Tensor]:
    """Losses (n,), and the weighted ones' gradient by the head's matrix product, (n, vocabulary).

    The logits are used up: exponentials, and then the gradient, are formed in their place, so
    that a chunk passes through memory as few times as it can.
    """
    picked = _picked(logits, targets)
    slope = None if head.softcap is None else 1 - (logits / head.softcap) ** 2
    largest = logits.amax(dim=1, keepdim=True)
    exponentials = logits.sub_(largest).exp_()
    total = exponentials.sum(dim=1, keepdim=True)
    losses = (total.log() + largest)[:, 0] - picked
    grad = exponentials.mul_(weights[:, None] / total)
    grad[torch.arange(len(targets), device=grad.device), targets] -= weights
    if slope is not None:
        grad *= slope
    if head.scale != 1.0:
        grad *= head.scale
    return losses, grad
