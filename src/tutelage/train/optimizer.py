"""AdamW (Loshchilov & Hutter 2019) on weights of float32, whatever the precision of the model.

bfloat16 has 8 bits of precision, so an update below a 256th of a weight is lost when added to it:
training stalls (torchao #1124). Weights of 16 bits get a float32 master, which the optimizer
moves and from which they are rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from tutelage.train.adamw import adamw, state_bytes
from tutelage.train.distribution import like, whole
from tutelage.train.options import TrainOptions


class Optimizer:
    """AdamW over the trainable parameters, clipped.

    Args:
        parameters: trainable parameters by name.
        options: which AdamW, and its settings.
        factors: by name, how many times the learning rate a parameter moves at; others once.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        options: TrainOptions,
        factors: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self.parameters = dict(parameters)
        self.masters: dict[str, Tensor] = {
            name: parameter
            if parameter.dtype.itemsize >= 4
            else nn.Parameter(parameter.detach().float())
            for name, parameter in self.parameters.items()
        }
        self._adamw = adamw(
            {master: factors.get(name, 1.0) for name, master in self.masters.items()}, options
        )
        self._max_norm = options.max_gradient_norm

    def step(self, learning_rate: float) -> float:
        """Clip, move the weights, drop the gradients.

        Returns:
            The gradient's norm before clipping; if it is not finite, nothing has moved.
        """
        masters = list(self.masters.values())
        for name, parameter in self.parameters.items():
            master = self.masters[name]
            if master is not parameter and parameter.grad is not None:
                master.grad = parameter.grad.float()
                parameter.grad = None
        gradients = [master.grad for master in masters if master.grad is not None]
        norm = whole(nn.utils.get_total_norm(gradients))
        if torch.isfinite(norm):
            if self._max_norm is not None:
                nn.utils.clip_grads_with_norm_(masters, self._max_norm, norm)
            self._adamw.step(learning_rate)
            self._round()
        self._adamw.drop_gradients()
        return float(norm)

    def state(self) -> dict[str, Tensor]:
        """All that decides the next step: master weights and AdamW's running means.

        With several processes, each process's part of them.
        """
        tensors = {f"weight.{name}": master.detach() for name, master in self.masters.items()}
        for name, master in self.masters.items():
            for key, value in self._adamw.state(master).items():
                tensors[f"{key}.{name}"] = value
        return tensors

    @torch.no_grad()
    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave; from whole tensors, each process takes its part."""
        held: dict[str, dict[str, Tensor]] = {name: {} for name in self.masters}
        for key, value in tensors.items():
            kind, _, name = key.partition(".")
            held[name][kind] = value
        for name, master in self.masters.items():
            master.copy_(like(held[name].pop("weight"), master))
            if held[name]:
                self._adamw.restore(master, held[name])
        self._round()

    @torch.no_grad()
    def load_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back the weights alone, to hand on the best ones."""
        for name, master in self.masters.items():
            master.copy_(like(tensors[f"weight.{name}"], master))
        self._round()

    @torch.no_grad()
    def _round(self) -> None:
        for name, parameter in self.parameters.items():
            if self.masters[name] is not parameter:
                parameter.copy_(self.masters[name])


def standing_bytes(parameters: Mapping[str, nn.Parameter], options: TrainOptions) -> int:
    """Bytes that an optimizer will hold: running means, and masters of 16-bit weights."""
    weights = parameters.values()
    masters = sum(4 * weight.numel() for weight in weights if weight.itemsize < 4)
    return masters + state_bytes(weights, options)
