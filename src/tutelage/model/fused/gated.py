"""The gated feed-forward block (Shazeer 2020) that keeps two tensors a layer instead of four.

    y = down(activation(gate(x)) * up(x))

The activation and the product with `up` are cheap to compute and, at two thirds of a block's
width, the largest things that autograd would keep: here they are computed again backwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from tutelage.model import projections as linear
from tutelage.model.projections import Projection


class Activation(NamedTuple):
    """An elementwise function.

    Attributes:
        value: of x.
        slope: gradient by x, from the gradient by the value and x.
    """

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], Tensor]


SILU = Activation(F.silu, torch.ops.aten.silu_backward)
GELU_TANH = Activation(
    lambda x: F.gelu(x, approximate="tanh"),
    lambda grad, x: torch.ops.aten.gelu_backward(grad, x, approximate="tanh"),
)


def plain_gated(
    x: Tensor, gate: Projection, up: Projection, down: Projection, activation: Activation
) -> Tensor:
    """The definition, in plain operations; see `gated`."""
    opened, passed = linear.plain_project(x, [gate, up])
    return linear.plain_project(activation.value(opened) * passed, [down])[0]


def gated(
    x: Tensor, gate: Projection, up: Projection, down: Projection, activation: Activation
) -> Tensor:
    """The block's output, (..., width), for x (..., width)."""
    if torch.compiler.is_compiling():  # it fuses for itself
        return plain_gated(x, gate, up, down, activation)
    layers = (gate, up, down)
    scales = tuple(layer.scale for layer in layers)
    tensors = (tensor for layer in layers for tensor in layer[:4])
    y: Tensor = _Gated.apply(x, activation, scales, *tensors)  # type: ignore[no-untyped-call]
    return y


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        activation: Activation,
        scales: tuple[float, ...],
        *tensors: Tensor | None,
    ) -> Tensor:
        *into, out = linear.unpack(tensors, scales)
        rows = linear.as_rows(x)
        narrow = linear.narrowed(rows, into)
        gate, up = linear.forward(rows, narrow, into)
        product = activation.value(gate).mul_(up)
        out_narrow = linear.narrowed(product, [out])
        (y,) = linear.forward(product, out_narrow, [out])
        ctx.save_for_backward(x, narrow, gate, up, out_narrow, *tensors)
        ctx.activation, ctx.scales = activation, scales
        return y.view(*x.shape[:-1], y.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, narrow, gate, up, out_narrow, *tensors = ctx.saved_tensors
        *into, out = linear.unpack(tensors, ctx.scales)
        wanted = ctx.needs_input_grad[3:]
        activated = ctx.activation.value(gate)
        # The product itself is needed only for the gradients of what reads it.
        product = activated * up if any(wanted[8:]) else activated
        grad_product, grad_out = linear.backward(
            product, out_narrow, [out], [linear.as_rows(grad)], (True, *wanted[8:])
        )
        assert grad_product is not None
        grad_up = activated.mul_(grad_product)
        grad_gate = ctx.activation.slope(grad_product.mul_(up), gate)
        grad_x, grad_into = linear.backward(
            linear.as_rows(x),
            narrow,
            into,
            [grad_gate, grad_up],
            (ctx.needs_input_grad[0], *wanted[:8]),
        )
        grad_x = None if grad_x is None else grad_x.view(x.shape)
        return grad_x, None, None, *grad_into, *grad_out
