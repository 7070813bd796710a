"""AdamW, and AdamW with running means of 8 bits, behind one face.

PyTorch's fused AdamW holds two float32 numbers a weight. bitsandbytes' (Dettmers et al. 2022)
holds two bytes, and a float32 scale for every 256 of them; tensors of fewer than 4,096 elements
stay in float32, as its authors advise. Both run on CPUs too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from tutelage import ranks
from tutelage.errors import UserError, missing_extra
from tutelage.train.distribution import like
from tutelage.train.options import TrainOptions

SMALL = 4096
"""Elements below which a tensor's running means stay in float32."""
BLOCK = 256
"""Running means of 8 bits that share a scale."""


class AdamW(Protocol):
    """What moves the weights."""

    def step(self, learning_rate: float) -> None:
        """Move every weight that has a gradient, and drop the gradients."""
        ...

    def drop_gradients(self) -> None:
        """Drop the gradients."""
        ...

    def state(self, weight: Tensor) -> dict[str, Tensor]:
        """What is held for a weight; empty before its first step."""
        ...

    def restore(self, weight: Tensor, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""
        ...


def adamw(factors: Mapping[Tensor, float], options: TrainOptions) -> AdamW:
    """The optimizer that `train.optimizer` names; weight decay applies to matrices only.

    Args:
        factors: the weights, and how many times the learning rate each moves at.
        options: the optimizer's settings.

    Raises:
        UserError: it is not installed, or cannot work with several processes.
    """
    parts: dict[tuple[float, float], list[Tensor]] = {}
    for weight, factor in factors.items():
        decay = options.weight_decay if weight.ndim >= 2 else 0.0
        parts.setdefault((decay, factor), []).append(weight)
    groups = [
        {"params": part, "weight_decay": decay, "factor": factor}
        for (decay, factor), part in parts.items()
    ]
    settings = {"lr": 0.0, "betas": options.betas, "eps": options.epsilon}
    if options.optimizer == "adamw":
        return _Float32(groups, settings)
    return _EightBit(groups, settings)


def state_bytes(weights: Iterable[Tensor], options: TrainOptions) -> int:
    """Bytes that the running means of some weights will take."""
    if options.optimizer == "adamw":
        return sum(2 * weight.numel() * max(4, weight.itemsize) for weight in weights)
    return sum(
        8 * weight.numel() if weight.numel() < SMALL else 2 * weight.numel() * (BLOCK + 4) // BLOCK
        for weight in weights
    )


class _Stepped:
    """What an optimizer of PyTorch's form has in common with another."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def step(self, learning_rate: float) -> None:
        for group in self._inner.param_groups:
            group["lr"] = learning_rate * group["factor"]
        self._inner.step()
        self.drop_gradients()

    def drop_gradients(self) -> None:
        self._inner.zero_grad(set_to_none=True)


class _Float32(_Stepped):
    def __init__(self, groups: list[dict[str, Any]], settings: dict[str, Any]) -> None:
        super().__init__(torch.optim.AdamW(groups, **settings, fused=True))

    def state(self, weight: Tensor) -> dict[str, Tensor]:
        return dict(self._inner.state[weight])

    def restore(self, weight: Tensor, state: Mapping[str, Tensor]) -> None:
        restored = {key: like(saved, weight).clone() for key, saved in state.items()}
        # The fused step walks weight and means in the order of memory: laid out otherwise than the
        # weight, a mean would be applied to other places of it, without a word.
        for key, value in restored.items():
            if value.shape == weight.shape and value.stride() != weight.stride():
                restored[key] = torch.empty_like(weight, dtype=value.dtype).copy_(value)
        self._inner.state[weight] = restored


class _EightBit(_Stepped):
    def __init__(self, groups: list[dict[str, Any]], settings: dict[str, Any]) -> None:
        if ranks.size() > 1:
            raise UserError(
                "adamw_8bit works in one process only",
                where="train.optimizer",
                fix="set it to adamw: its state is spread over the processes",
            )
        try:
            from bitsandbytes import optim
        except ImportError:
            raise missing_extra(
                "bitsandbytes", "quantized", "train.optimizer: adamw_8bit"
            ) from None
        maker: Any = optim
        super().__init__(maker.AdamW8bit(groups, **settings, min_8bit_size=SMALL))
        self._places = {
            weight: (at, place)
            for at, group in enumerate(self._inner.param_groups)
            for place, weight in enumerate(group["params"])
        }

    def state(self, weight: Tensor) -> dict[str, Tensor]:
        held = {key: torch.as_tensor(value) for key, value in self._inner.state[weight].items()}
        return {key: value for key, value in held.items() if not key.startswith("qmap")}

    def restore(self, weight: Tensor, state: Mapping[str, Tensor]) -> None:
        at, place = self._places[weight]
        self._inner.init_state(self._inner.param_groups[at], weight, at, place)
        held = self._inner.state[weight]
        held["step"] = int(state["step"])
        for key in state.keys() - {"step"}:
            held[key].copy_(state[key])
