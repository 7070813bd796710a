"""Rotary positions (Su et al. 2021) in the layout of Llama: the halves of a head are a pair.

    y1 = x1 cos1 - x2 sin1        y2 = x2 cos2 + x1 sin2

transformers writes it as `x * cos + cat(-x2, x1) * sin`: five passes over memory. Here there are
two, and as many backwards, where the rotation goes the other way round.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def plain_rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """The definition; see `rotate`."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate pairs of features by the angles of their token's position.

    Args:
        x: (..., tokens, heads, head size).
        cos: cosines, broadcast to x: (..., tokens, 1, head size).
        sin: sines, of the same shape.

    Returns:
        Of x's shape.
    """
    if torch.compiler.is_compiling():  # it fuses for itself
        return plain_rotate(x, cos, sin)
    y: Tensor = _Rotate.apply(x, cos, sin)  # type: ignore[no-untyped-call]
    return y


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        sin1, sin2 = sin.chunk(2, dim=-1)
        return _turned(x, cos, sin1, sin2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        sin1, sin2 = sin.chunk(2, dim=-1)
        return _turned(grad, cos, -sin2, -sin1), None, None


def _turned(x: Tensor, cos: Tensor, sin1: Tensor, sin2: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    torch.mul(x, cos, out=y)
    y1, y2 = y.chunk(2, dim=-1)
    y1.addcmul_(second, sin1, value=-1)
    y2.addcmul_(first, sin2)
    return y
