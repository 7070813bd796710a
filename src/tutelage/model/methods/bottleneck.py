"""A block with a small trained network beside or behind it (Houlsby et al. 2019).

    behind (h is what the block gives):     h + scale * up(activation(down(h)))
    beside (x is what the block is given):  h + scale * up(activation(down(x)))

The way up starts at zero, so tuning starts at the base model. Weights are float32 whatever the
precision of the base, as an optimizer's steps are too small for 16 bits, and are cast in the pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tutelage.model.options import AdapterOptions

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
}


class Bottleneck(nn.Module):
    """The network: down to a few features, an activation, and up again.

    Args:
        inputs: features of what it reads.
        outputs: features of what it adds to.
        options: width, activation and scale.
        generator: draws the way down, as PyTorch draws linear layers.
    """

    def __init__(
        self, inputs: int, outputs: int, options: AdapterOptions, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.options = options
        self.down = nn.Linear(inputs, options.width, device="meta").to_empty(device="cpu")
        self.up = nn.Linear(options.width, outputs, device="meta").to_empty(device="cpu")
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5), generator=generator)
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)

    def forward(self, x: Tensor) -> Tensor:
        """What is added, (..., outputs), for x (..., inputs)."""
        narrow = F.linear(x, self.down.weight.to(x.dtype), self.down.bias.to(x.dtype))
        narrow = ACTIVATIONS[self.options.activation](narrow)
        if self.options.scale != 1.0:
            narrow = narrow * self.options.scale
        bias = self.up.bias * self.options.scale
        return F.linear(narrow, self.up.weight.to(x.dtype), bias.to(x.dtype))


class AdaptedBlock(nn.Module):
    """A frozen block, or the linear layer that ends it, with its adapter.

    Args:
        base: the block; its first output is what the adapter is added to.
        adapter: the network.
        reader: the module whose input the adapter reads where that is not `base`'s own: the
            first linear layer of a block that is no module of its own. None where it is.
        beside: whether the adapter reads what the block is given, rather than what it gives.
    """

    def __init__(
        self, base: nn.Module, adapter: Bottleneck, reader: nn.Module | None, beside: bool
    ) -> None:
        super().__init__()
        self.base = base
        self.adapter = adapter
        self.beside = beside
        self.enabled = True
        self._taken: Tensor | None = None
        self._aside = () if reader is None else (reader,)  # its weights are not ours
        self._hooks: list[RemovableHandle] = []
        self.connect()

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        """What the block gives, with what the adapter adds."""
        output = self.base(*inputs, **keywords)
        taken, self._taken = self._taken, None
        if not self.enabled:
            return output
        first: Tensor = output[0] if isinstance(output, tuple) else output
        adapted = first + self.adapter(self._read(inputs, first, taken))
        return (adapted, *output[1:]) if isinstance(output, tuple) else adapted

    def _read(self, inputs: tuple[Any, ...], first: Tensor, taken: Tensor | None) -> Tensor:
        """What the adapter reads.

        Raises:
            RuntimeError: its reader was passed by, so that anything else would be a wrong answer.
        """
        if not self.beside:
            return first
        if self.reader is None:
            beside: Tensor = inputs[0]
            return beside
        if taken is None:
            raise RuntimeError("a block ran before the module whose input its adapter reads")
        return taken

    def connect(self) -> None:
        """Read what the reader is given from now on."""
        self._hooks = [other.register_forward_pre_hook(self._take) for other in self._aside]

    def disconnect(self) -> None:
        """Leave the reader alone."""
        for hook in self._hooks:
            hook.remove()
        self._taken = None

    @property
    def reader(self) -> nn.Module | None:
        """The module whose input is read, where that is not `base`."""
        return self._aside[0] if self._aside else None

    def _take(self, _reader: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._taken = inputs[0]
