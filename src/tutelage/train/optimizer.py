"""AdamW (Loshchilov & Hutter 2019), at least in float32 whatever the precision of the model.

bfloat16 has 8 bits of precision, so an update below a 256th of a weight is lost when added to it:
training stalls (torchao #1124). Weights of 16 bits get a float32 master, which the optimizer
moves and from which they are rounded.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tutelage.train.distribution import like, whole
from tutelage.train.options import TrainOptions


class Optimizer:
    """Fused AdamW over the trainable parameters.

    Args:
        parameters: trainable parameters by name.
        options: decay, betas and epsilon; weight decay applies to matrices only.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], options: TrainOptions) -> None:
        self.parameters = dict(parameters)
        self.masters: dict[str, Tensor] = {
            name: parameter
            if parameter.dtype.itemsize >= 4
            else nn.Parameter(parameter.detach().float())
            for name, parameter in self.parameters.items()
        }
        matrices = [master for master in self.masters.values() if master.ndim >= 2]
        others = [master for master in self.masters.values() if master.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": options.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self._adamw = torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=0.0,
            betas=options.betas,
            eps=options.epsilon,
            fused=True,
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
            for group in self._adamw.param_groups:
                group["lr"] = learning_rate
            self._adamw.step()
            self._round()
        self._adamw.zero_grad(set_to_none=True)
        return float(norm)

    def state(self) -> dict[str, Tensor]:
        """All that decides the next step: master weights and AdamW's running means.

        With several processes, each process's part of them.
        """
        tensors = {f"weight.{name}": master.detach() for name, master in self.masters.items()}
        for name, master in self.masters.items():
            for key, value in self._adamw.state[master].items():
                tensors[f"{key}.{name}"] = value
        return tensors

    @torch.no_grad()
    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave; from whole tensors, each process takes its part."""
        for name, master in self.masters.items():
            master.copy_(like(tensors[f"weight.{name}"], master))
            state = self._adamw.state[master]
            for key in ("step", "exp_avg", "exp_avg_sq"):
                saved = tensors.get(f"{key}.{name}")
                if saved is not None:
                    state[key] = like(saved, master).clone()
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
