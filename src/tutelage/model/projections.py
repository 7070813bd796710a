"""Linear layers that read the same input, with or without a low-rank update, as one function.

    y_i = x W_i^T + bias_i + scale_i * (x A_i^T) B_i^T        (Hu et al. 2021)

Written as plain operations, autograd makes three temporaries the size of y for an update (its
product, the scaled product, the sum) and as many again backwards, and one gradient the size of x
for every layer, to be added up. Here an update is added into y, and each layer's gradient into
that of x, with the multiply-and-add of the matrix product itself; the narrow products x A_i^T of
all layers are one. Kept for the backward pass are x, which A's gradient needs anyway, and the
narrow products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


class Projection(NamedTuple):
    """A linear layer as tensors.

    Attributes:
        weight: (out, in).
        bias: (out,), or None.
        down: A, (rank, in), of the input's dtype; None without an update.
        up: B, (out, rank), of the input's dtype; None without an update.
        scale: factor of the update.
    """

    weight: Tensor
    bias: Tensor | None
    down: Tensor | None = None
    up: Tensor | None = None
    scale: float = 0.0


def plain_project(x: Tensor, projections: Sequence[Projection]) -> tuple[Tensor, ...]:
    """The definition, in plain operations; see `project`."""
    return tuple(
        F.linear(x, weight, bias)
        if down is None or up is None
        else F.linear(x, weight, bias) + scale * F.linear(F.linear(x, down), up)
        for weight, bias, down, up, scale in projections
    )


def project(x: Tensor, projections: Sequence[Projection]) -> tuple[Tensor, ...]:
    """Apply linear layers to one input.

    Args:
        x: (..., in).
        projections: at least one; any of their tensors may be frozen or trained.

    Returns:
        For each layer its output, (..., out).
    """
    if torch.compiler.is_compiling():  # it cannot read the function below
        return plain_project(x, projections)
    scales = tuple(projection.scale for projection in projections)
    tensors = (tensor for projection in projections for tensor in projection[:4])
    outputs: tuple[Tensor, ...] = _Project.apply(x, scales, *tensors)  # type: ignore[no-untyped-call]
    return outputs


class _Project(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scales: tuple[float, ...], *tensors: Tensor | None) -> Any:
        projections = unpack(tensors, scales)
        rows = as_rows(x)
        narrow = narrowed(rows, projections)
        ctx.save_for_backward(x, narrow, *tensors)
        ctx.scales = scales
        ctx.set_materialize_grads(False)
        outputs = forward(rows, narrow, projections)
        return tuple(y.view(*x.shape[:-1], y.shape[1]) for y in outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        x, narrow, *tensors = ctx.saved_tensors
        projections = unpack(tensors, ctx.scales)
        grad_x, grad_tensors = backward(
            as_rows(x),
            narrow,
            projections,
            [None if grad is None else as_rows(grad) for grad in grads],
            (ctx.needs_input_grad[0], *ctx.needs_input_grad[2:]),
        )
        return None if grad_x is None else grad_x.view(x.shape), None, *grad_tensors


def as_rows(x: Tensor) -> Tensor:
    """All dimensions but the last as one; there may be no rows at all."""
    return x.reshape(x.shape[:-1].numel(), x.shape[-1])


def narrowed(rows: Tensor, projections: Sequence[Projection]) -> Tensor | None:
    """The products with all A, (n, sum of ranks); None if no layer has an update."""
    downs = _downs(projections)
    return None if downs is None else rows @ downs.T


def forward(rows: Tensor, narrow: Tensor | None, projections: Sequence[Projection]) -> list[Tensor]:
    """Outputs (n, out) for rows (n, in) and what `narrowed` gave for them."""
    outputs = []
    for projection, columns in zip(projections, _columns(projections), strict=True):
        y = F.linear(rows, projection.weight, projection.bias)
        if projection.up is not None and narrow is not None:
            y.addmm_(narrow[:, columns], projection.up.T, alpha=projection.scale)
        outputs.append(y)
    return outputs


def backward(
    rows: Tensor,
    narrow: Tensor | None,
    projections: Sequence[Projection],
    grads: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> tuple[Tensor | None, list[Tensor | None]]:
    """Gradients by the rows and by each layer's tensors.

    Args:
        rows: (n, in).
        narrow: what `narrowed` gave.
        projections: as in the forward pass.
        grads: by each output, (n, out); None where it was not used.
        wanted: of the rows, then of weight, bias, down and up of each layer.

    Returns:
        By the rows, (n, in), and four for each layer; None where not wanted.
    """
    grad_rows: Tensor | None = None
    grad_narrow = None if narrow is None else torch.zeros_like(narrow)
    found: list[Tensor | None] = []
    columns = _columns(projections)
    for at, (projection, grad) in enumerate(zip(projections, grads, strict=True)):
        wants = wanted[1 + 4 * at : 5 + 4 * at]
        if grad is None:
            found += [None] * 4
            continue
        if wanted[0]:
            if grad_rows is None:
                grad_rows = grad @ projection.weight
            else:
                grad_rows.addmm_(grad, projection.weight)
        grad_weight = grad.T @ rows if wants[0] else None
        grad_bias = grad.sum(dim=0) if wants[1] else None
        grad_up = None
        if projection.up is not None and narrow is not None and grad_narrow is not None:
            part = grad_narrow[:, columns[at]]
            torch.mm(grad, projection.up, out=part).mul_(projection.scale)
            if wants[3]:
                # This way round it takes half the time: the wide matrix is read along its rows.
                grad_up = (narrow[:, columns[at]].T @ grad).mul_(projection.scale).T
        found += [grad_weight, grad_bias, None, grad_up]
    if grad_narrow is not None:
        downs = _downs(projections)
        if grad_rows is not None and downs is not None:
            grad_rows.addmm_(grad_narrow, downs)
        if any(wanted[3::4]):
            grad_downs = grad_narrow.T @ rows
            for at, rank in enumerate(columns):
                if wanted[3 + 4 * at] and grads[at] is not None:
                    found[4 * at + 2] = grad_downs[rank]
    return grad_rows, found


def unpack(tensors: Sequence[Tensor | None], scales: Sequence[float]) -> list[Projection]:
    """Layers from their tensors, four each, as autograd hands them on, and their scales."""
    return [
        Projection(*tensors[4 * at : 4 * at + 4], scale)  # type: ignore[arg-type, call-arg]
        for at, scale in enumerate(scales)
    ]


def _downs(projections: Sequence[Projection]) -> Tensor | None:
    """All A above each other."""
    downs = [projection.down for projection in projections if projection.down is not None]
    if len(downs) < 2:
        return downs[0] if downs else None
    return torch.cat(downs)


def _columns(projections: Sequence[Projection]) -> list[slice]:
    """Which columns of the narrow product are each layer's."""
    columns, last = [], 0
    for projection in projections:
        first, last = last, last + (0 if projection.down is None else len(projection.down))
        columns.append(slice(first, last))
    return columns
