"""LoRA adapters on disk, in PEFT's form, so that PEFT and vLLM read ours and we read theirs.

`adapter_config.json` says what the update is; `adapter_model.safetensors` holds for each layer
`base_model.model.NAME.lora_A.weight` (rank, in) and `…lora_B.weight` (out, rank). PEFT adds a
dozen settings a year, each changing what the matrices mean. So what is read is decided by the
safe rule: a setting that we don't know to be harmless, and that is switched on, is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tutelage.errors import UserError
from tutelage.model.options import LoraOptions

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."

UNDERSTOOD = {"r", "lora_alpha", "lora_dropout", "use_rslora", "base_model_name_or_path"}
"""Settings that we read."""

HARMLESS = {
    "auto_mapping", "eva_config", "exclude_modules", "fan_in_fan_out", "inference_mode",
    "layers_pattern", "layers_to_transform", "lora_ga_config", "megatron_core", "peft_type",
    "peft_version", "qalora_group_size", "revision", "target_modules", "task_type",
}  # fmt: skip
"""Settings that do not change what the matrices in the file mean: which layers are adapted is
known from the matrices, and how A was drawn is of no more interest."""

PLAIN_STARTS = (True, False, None, "gaussian", "orthogonal", "eva")
"""Values of `init_lora_weights` that leave the base weights as they are (PiSSA's do not)."""


OFF: tuple[Any, ...] = (None, False, "none", {}, [])
"""How PEFT writes that a setting is not used."""


@dataclass(frozen=True)
class Adapter:
    """One LoRA adapter.

    Attributes:
        options: rank, alpha and so on.
        matrices: by layer name, A (rank, in) and B (out, rank).
        base: the model it was trained on, as its user named it.
    """

    options: LoraOptions
    matrices: Mapping[str, tuple[Tensor, Tensor]]
    base: str | None


def write(folder: Path, adapter: Adapter, targets: list[str], *, transposed: bool) -> None:
    """Write an adapter into `folder`, which exists.

    Args:
        folder: where to.
        adapter: what to write; matrices are stored as float32.
        targets: names or name endings that mean exactly the adapted layers.
        transposed: whether the base layers are GPT-2's `Conv1D`.
    """
    options = adapter.options
    config = {
        "auto_mapping": None,
        "base_model_name_or_path": adapter.base,
        "bias": "none",
        "fan_in_fan_out": transposed,
        "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": int(options.alpha) if options.alpha.is_integer() else options.alpha,
        "lora_dropout": options.dropout,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": options.rank,
        "revision": None,
        "target_modules": targets,
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": options.rank_stabilised,
    }
    tensors = {}
    for name, (down, up) in adapter.matrices.items():
        tensors[f"{PREFIX}{name}.lora_A.weight"] = down.detach().cpu().float().contiguous()
        tensors[f"{PREFIX}{name}.lora_B.weight"] = up.detach().cpu().float().contiguous()
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def read(folder: Path) -> Adapter:
    """Read an adapter that we or PEFT wrote.

    Raises:
        UserError: files are missing or broken, or the adapter is more than plain LoRA.
    """
    config = _read_config(folder)
    tensors = _read_tensors(folder)
    downs: dict[str, Tensor] = {}
    ups: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        name, _, kind = key.removeprefix(PREFIX).rpartition(".lora_")
        if not key.startswith(PREFIX) or kind not in ("A.weight", "B.weight"):
            raise _refused(folder / WEIGHTS, f"the tensor '{key}' is not part of plain LoRA")
        (downs if kind == "A.weight" else ups)[name] = tensor.float()
    options = _options(config, folder)
    if not tensors or downs.keys() != ups.keys():
        raise _refused(folder / WEIGHTS, "there is not one pair of matrices for each layer")
    matrices = {name: (down, ups[name]) for name, down in downs.items()}
    for name, (down, up) in matrices.items():
        if down.ndim != 2 or up.ndim != 2 or not down.shape[0] == up.shape[1] == options.rank:
            found = f"{list(down.shape)} and {list(up.shape)}"
            what = f"the matrices of '{name}' have shapes {found}, not of rank {options.rank}"
            raise _refused(folder / WEIGHTS, what)
    return Adapter(options, matrices, config.get("base_model_name_or_path"))


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(
            f"there is no {CONFIG}", where=str(folder), fix="name a folder that holds an adapter"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"the file cannot be read: {error}", where=str(path)) from None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise _refused(path, "expected a JSON object with peft_type LORA")
    for key, value in sorted(config.items()):
        on = value not in PLAIN_STARTS if key == "init_lora_weights" else value not in OFF
        if on and key not in UNDERSTOOD | HARMLESS:
            raise _refused(path, f"the setting {key}: {json.dumps(value)} goes beyond plain LoRA")
    return config


def _options(config: dict[str, Any], folder: Path) -> LoraOptions:
    try:
        return LoraOptions(
            rank=config["r"],
            alpha=config["lora_alpha"],
            rank_stabilised=config.get("use_rslora") or False,
            dropout=config.get("lora_dropout") or 0.0,
        )
    except (KeyError, ValidationError) as error:
        what = f"r, lora_alpha, lora_dropout or use_rslora is missing or wrong: {error}"
        raise _refused(folder / CONFIG, what) from None


def _read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    path = folder / WEIGHTS
    try:
        return load_file(path)
    except FileNotFoundError:
        what = f"there is no {WEIGHTS}; pickled adapters (.bin) are not read, as they can run code"
        raise UserError(what, where=str(folder)) from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"the file cannot be read: {error}", where=str(path)) from None


def _refused(path: Path, what: str) -> UserError:
    fix = "merge the adapter into its base model with the tool that made it, and use the result"
    return UserError(what, where=str(path), fix=fix)
