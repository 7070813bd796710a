"""Losses and gradient of a chunk of logits in one Triton kernel, for CUDA.

What `linear_cross_entropy` does in ten operations, each of them a pass over the chunk, takes two
here: one finds a row's largest logit and the sum of its exponentials together (Milakov & Gimelshein
2018), one writes the gradient where the logits were, in their own precision. Sums are in float32.
Liger-Kernel's loss is built the same way, but knows no scale. Proven equal to the plain operations
in Triton's interpreter, and compiled for two generations of GPUs; we have not run it on one.
Importing this module needs Triton, which comes with PyTorch's builds for CUDA on Linux.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 4096
"""Logits of a row that a program holds at a time: 16 a thread."""
WARPS = 8


@triton.jit
def _logit(product, scale, softcap, capped: tl.constexpr):
    """A head's logit, in float32."""
    logit = product.to(tl.float32) * scale
    if capped:
        logit = softcap * (2 * tl.sigmoid(2 * logit / softcap) - 1)
    return logit


@triton.jit
def _row(
    products,
    stride,
    targets,
    weights,
    losses,
    columns,
    scale,
    softcap,
    capped: tl.constexpr,
    block: tl.constexpr,
):
    """One row: its loss, and its gradient in place of its products."""
    row = tl.program_id(0).to(tl.int64)
    products += row * stride
    target = tl.load(targets + row)
    weight = tl.load(weights + row).to(tl.float32)
    # Read before anything is overwritten: the sums below wait for all threads.
    picked = _logit(tl.load(products + target), scale, softcap, capped)
    largest = -float("inf")
    total = 0.0
    for start in range(0, columns, block):
        at = start + tl.arange(0, block)
        inside = at < columns
        logit = _logit(tl.load(products + at, mask=inside, other=0.0), scale, softcap, capped)
        logit = tl.where(inside, logit, -float("inf"))
        before = largest
        largest = tl.maximum(largest, tl.max(logit, axis=0))
        total = total * tl.exp(before - largest) + tl.sum(tl.exp(logit - largest), axis=0)
    tl.store(losses + row, (largest - picked) + tl.log(total))
    for start in range(0, columns, block):
        at = start + tl.arange(0, block)
        inside = at < columns
        logit = _logit(tl.load(products + at, mask=inside, other=0.0), scale, softcap, capped)
        probability = tl.exp(tl.minimum(logit - largest, 0.0)) / total
        grad = (probability - tl.where(at == target, 1.0, 0.0)) * weight * scale
        if capped:
            grad *= 1 - (logit / softcap) * (logit / softcap)
        tl.store(products + at, grad.to(products.dtype.element_ty), mask=inside)


@torch.library.custom_op("tutelage::losses_and_gradient", mutates_args={"products"})
def losses_and_gradient(
    products: Tensor,
    targets: Tensor,
    weights: Tensor,
    scale: float,
    softcap: float | None,
) -> Tensor:
    """The cross-entropies of a chunk; the gradient of their weighted sum takes the products' place.

    Args:
        products: (n, vocabulary), of hidden states and the head, its scale and cap not yet
            applied; 32 or 16 bits, rows contiguous. Overwritten by the gradient.
        targets: (n,) int64.
        weights: (n,) floating point.
        scale: of the head.
        softcap: of the head.

    Returns:
        The cross-entropies, (n,) float32, unweighted.
    """
    rows, columns = products.shape
    losses = torch.empty(rows, dtype=torch.float32, device=products.device)
    if rows:
        launch: Any = _row[(rows,)]
        launch(
            products,
            products.stride(0),
            targets,
            weights,
            losses,
            columns,
            float(scale),
            float(softcap or 1.0),
            capped=softcap is not None,
            block=BLOCK,
            num_warps=WARPS,
        )
    return losses


@losses_and_gradient.register_fake
def _(
    products: Tensor, targets: Tensor, weights: Tensor, scale: float, softcap: float | None
) -> Tensor:
    """For tensors without data, by which memory is predicted."""
    return torch.empty(len(products), dtype=torch.float32, device=products.device)
