"""Put a bottleneck adapter on a plain transformers model; needs torch and safetensors alone.

    model = AutoModelForCausalLM.from_pretrained(BASE)
    attach(model, FOLDER)

FOLDER holds `adapter_config.json` and `adapter_model.safetensors`. For each name in the config's
`places`, the weights have `NAME.down.weight` (width, features), `NAME.down.bias`, `NAME.up.weight`
(features, width) and `NAME.up.bias`, in float32. To what the module NAME gives (of several outputs
the first) is added `scale * up(activation(down(x)))`, where x is that output itself if the place's
`reads` is null, else what the module named by `reads` is given. This file imports nothing else, so
that it can be copied; `tutelage export --to adapter` puts it beside the weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

ACTIVATIONS: dict[str, Any] = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu}


class PlainAdapter(nn.Module):
    """One adapter, as hooks on a model's own modules.

    Args:
        weights: down.weight, down.bias, up.weight and up.bias, in this order.
        activation: of `ACTIVATIONS`.
        scale: factor on what is added.
        beside: whether it reads what another module is given.
    """

    def __init__(
        self, weights: dict[str, Tensor], activation: str, scale: float, beside: bool
    ) -> None:
        super().__init__()
        for name, value in weights.items():
            self.register_parameter(name.replace(".", "_"), nn.Parameter(value))
        self.activation = activation
        self.scale = scale
        self.beside = beside
        self.taken: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """What is added, of the shape of x."""
        down, down_bias, up, up_bias = (part.to(x.dtype) for part in self.parameters())
        narrow = ACTIVATIONS[self.activation](F.linear(x, down, down_bias))
        return self.scale * F.linear(narrow, up, up_bias)

    def take(self, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Hook before the module that is read."""
        self.taken = inputs[0]

    def add(self, _module: nn.Module, _inputs: Any, output: Any) -> Any:
        """Hook behind the place."""
        first: Tensor = output[0] if isinstance(output, tuple) else output
        taken, self.taken = self.taken, None
        if self.beside and taken is None:
            raise RuntimeError("the module whose input the adapter reads did not run before it")
        added = first + self(first if taken is None else taken)
        return (added, *output[1:]) if isinstance(output, tuple) else added


def attach(model: nn.Module, folder: str | Path) -> nn.Module:
    """Add a saved adapter to its base model, in place; one that raises ValueError is unchanged."""
    config = json.loads((Path(folder) / "adapter_config.json").read_text())
    if config["peft_type"] != "BOTTLENECK" or config["version"] != 1:
        raise ValueError(f"{folder} holds no bottleneck adapter of version 1")
    weights = load_file(Path(folder) / "adapter_model.safetensors")
    modules = dict(model.named_modules(remove_duplicate=False))
    names = ("down.weight", "down.bias", "up.weight", "up.bias")
    for name, place in config["places"].items():
        if missing := {name, place["reads"] or name} - modules.keys():
            base = config["base_model_name_or_path"]
            raise ValueError(f"the model has no {min(missing)}; the adapter was tuned on {base}")
        if hasattr(modules[name], "adapter"):
            raise ValueError(f"{name} has an adapter already; load the base model anew")
        if missing := {f"{name}.{part}" for part in names} - weights.keys():
            raise ValueError(f"{folder} holds no weights {min(missing)}; copy the adapter anew")
    for name, place in config["places"].items():
        module, beside = modules[name], place["reads"] is not None
        parts = {part: weights[f"{name}.{part}"] for part in names}
        adapter = PlainAdapter(parts, config["activation"], config["scale"], beside)
        device = next((p.device for p in module.parameters()), torch.device("cpu"))
        module.add_module("adapter", adapter.to(device))
        if beside:
            modules[place["reads"]].register_forward_pre_hook(adapter.take)
        module.register_forward_hook(adapter.add)
    return model
