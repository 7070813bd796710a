"""Root-mean-square norm (Zhang & Sennrich 2019) that keeps its input and one number a token.

    y = weight * x / sqrt(mean(x^2) + epsilon)

transformers' modules write it in seven operations, of which autograd keeps three tensors the size
of x; backwards they make ten passes over memory. Here there are three forwards, four backwards.
Sums are in float32 at least.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def plain_rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """The definition; see `rms_norm`."""
    precise = x.to(torch.promote_types(x.dtype, torch.float32))
    length = torch.rsqrt(precise.square().mean(-1, keepdim=True) + epsilon)
    return (precise * length * weight).to(x.dtype)


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Normalise over the last dimension.

    Args:
        x: (..., width).
        weight: (width,), frozen or trained.
        epsilon: added to the mean square.

    Returns:
        (..., width), of x's dtype.
    """
    if torch.compiler.is_compiling():  # it fuses for itself
        return plain_rms_norm(x, weight, epsilon)
    y: Tensor = _RmsNorm.apply(x, weight, epsilon)  # type: ignore[no-untyped-call]
    return y


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        precise = torch.promote_types(x.dtype, torch.float32)
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=precise)
        inverse = (length.square_().div_(x.shape[-1]).add_(epsilon)).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        y: Tensor = (x * inverse).mul_(weight).to(x.dtype)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight, inverse = ctx.saved_tensors
        grad_x = grad_weight = None
        if ctx.needs_input_grad[1]:
            summed = (grad * x).mul_(inverse).reshape(-1, x.shape[-1]).sum(dim=0)
            grad_weight = summed.to(weight.dtype)
        if ctx.needs_input_grad[0]:
            wide = (grad * weight).to(inverse.dtype)
            along = (wide * x).sum(dim=-1, keepdim=True)
            along.mul_(inverse).mul_(inverse).div_(x.shape[-1])
            grad_x = wide.sub_(x * along).mul_(inverse).to(x.dtype)
        return grad_x, grad_weight, None
