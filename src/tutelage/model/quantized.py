"""Frozen linear layers of four bits a weight: QLoRA's base (Dettmers et al. 2023).

The weights are kept as NormalFloat-4 with twice quantised scales, by bitsandbytes: 0.52 bytes a
weight. Each pass turns a layer's weights back into the model's precision, and so does its backward
pass, rather than keeping them: what is alive is one layer's. Embeddings, output head and norms
stay as they are. It saves memory, not time: the arithmetic is that of the model's precision.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from transformers import PreTrainedModel

from tutelage import ranks
from tutelage.errors import UserError, missing_extra
from tutelage.model.families.family import stacks

Linear = TypeVar("Linear", bound=nn.Module)

BLOCK = 64
"""Weights that share a scale, as in QLoRA."""
WHERE = "model.quantization"


class QuantizedLinear(nn.Linear):
    """A frozen linear layer whose weights are four bits each.

    Args:
        plain: the layer; its weights are no longer needed afterwards.
    """

    def __init__(self, plain: nn.Linear) -> None:
        nn.Module.__init__(self)  # a linear layer's own would make a full weight
        from bitsandbytes import functional

        self._functional: Any = functional
        self.in_features, self.out_features = plain.in_features, plain.out_features
        self.bias = plain.bias
        packed, self._state = self._functional.quantize_4bit(
            plain.weight.detach(), quant_type="nf4", blocksize=BLOCK, compress_statistics=True
        )
        self.register_buffer("packed", packed, persistent=False)
        self.register_buffer("scales", self._state.absmax, persistent=False)

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """The weights, (out, in), in the precision they had; made anew each time."""
        weight: Tensor = self._functional.dequantize_4bit(self.packed, self._state)
        return weight

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output, (..., out), for x (..., in)."""
        y: Tensor = _QuantizedLinear.apply(x, self)  # type: ignore[no-untyped-call]
        return y

    def plain(self) -> nn.Linear:
        """A layer with these weights, in full."""
        weight = self.weight
        layer = nn.Linear(self.in_features, self.out_features, self.bias is not None, "meta")
        layer.weight = nn.Parameter(weight, requires_grad=False)
        layer.bias = self.bias
        return layer


class _QuantizedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: QuantizedLinear) -> Tensor:
        ctx.layer = layer
        return F.linear(x, layer.weight, layer.bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad @ ctx.layer.weight, None


def quantize(model: PreTrainedModel) -> None:
    """Quantise every linear layer of the decoder, in place and one after the other.

    Raises:
        UserError: bitsandbytes is missing, there are several processes, or no layer is linear.
    """
    try:
        import bitsandbytes as _needed  # noqa: F401
    except ImportError:
        raise missing_extra("bitsandbytes", "quantized", "model.quantization: nf4") from None
    if ranks.size() > 1:
        raise UserError(
            "quantised weights cannot be spread over several processes",
            where=WHERE,
            fix="set it to null, or run one process",
        )
    layers = [
        (name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)
    ]
    inside = {module for stack in stacks(model) for module in stack.modules()}
    chosen = [(name, module) for name, module in layers if module in inside]
    if not chosen:
        raise UserError(
            f"{type(model).__name__} has no linear layers to quantise",
            where=WHERE,
            fix="set it to null",
        )
    for name, module in chosen:
        model.set_submodule(name, QuantizedLinear(module))


def dequantized(layer: Linear) -> Linear | nn.Linear:
    """The layer with its weights in full, or as it is if they are."""
    return layer.plain() if isinstance(layer, QuantizedLinear) else layer
