"""LoRA adapters on disk, in PEFT's form, so that PEFT and vLLM read ours and we read theirs.

`adapter_config.json` says what the update is; `adapter_model.safetensors` holds for each layer
`base_model.model.NAME.lora_A.weight` (rank, in) and `…lora_B.weight` (out, rank), with DoRA also
`…lora_magnitude_vector` (out,). PEFT adds a
dozen settings a year, each changing what the matrices mean. So what is read is decided by the
safe rule: a setting that we don't know to be harmless, and that is switched on, is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

from tutelage.errors import missing_extra
from tutelage.model.methods.files import CONFIG, WEIGHTS, read_config, read_tensors, refused
from tutelage.model.options import LoraOptions
from tutelage.model.quiet import quiet_peft

PREFIX = "base_model.model."
KEYS = ("lora_A.weight", "lora_B.weight", "lora_magnitude_vector")
"""What the file holds of a layer; the last with DoRA only."""

UNDERSTOOD = {
    "base_model_name_or_path", "lora_alpha", "lora_dropout", "r", "use_dora", "use_rslora",
}  # fmt: skip
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


class Matrices(NamedTuple):
    """One layer's update.

    Attributes:
        down: A, (rank, in).
        up: B, (out, rank).
        magnitude: with DoRA the lengths of the weight's rows, (out,).
    """

    down: Tensor
    up: Tensor
    magnitude: Tensor | None = None


@dataclass(frozen=True)
class Adapter:
    """One LoRA adapter.

    Attributes:
        options: rank, alpha and so on.
        matrices: by layer name.
        base: the model it was trained on, as its user named it.
        task: what PEFT calls the task of such a model.
    """

    options: LoraOptions
    matrices: Mapping[str, Matrices]
    base: str | None
    task: str | None


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
        "task_type": adapter.task,
        "use_dora": options.dora,
        "use_rslora": options.rank_stabilised,
    }
    tensors = {}
    for name, matrices in adapter.matrices.items():
        for key, tensor in zip(KEYS, matrices, strict=True):
            if tensor is not None:
                tensors[f"{PREFIX}{name}.{key}"] = tensor.detach().cpu().float().contiguous()
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def read(folder: Path) -> Adapter:
    """Read an adapter that we or PEFT wrote.

    Raises:
        UserError: files are missing or broken, or the adapter is more than plain LoRA.
    """
    config = _read_config(folder)
    tensors = read_tensors(folder)
    options = _options(config, folder)
    found: dict[str, dict[str, Tensor]] = {}
    for whole, tensor in tensors.items():
        name, dot, kind = whole.removeprefix(PREFIX).rpartition(".lora_")
        if not whole.startswith(PREFIX) or f"{dot[1:]}{kind}" not in KEYS:
            raise refused(folder / WEIGHTS, f"the tensor '{whole}' is not part of LoRA")
        found.setdefault(name, {})[f"{dot[1:]}{kind}"] = tensor.float()
    wanted = set(KEYS) if options.dora else set(KEYS[:2])
    if not found or any(parts.keys() != wanted for parts in found.values()):
        what = "there is not one set of matrices for each layer"
        raise refused(folder / WEIGHTS, what)
    matrices = {name: Matrices(*(parts.get(key) for key in KEYS)) for name, parts in found.items()}  # type: ignore[arg-type]
    for name, (down, up, magnitude) in matrices.items():
        shapes = [list(tensor.shape) for tensor in (down, up, magnitude) if tensor is not None]
        fits = down.ndim == up.ndim == 2 and down.shape[0] == up.shape[1] == options.rank
        if not fits or (magnitude is not None and magnitude.shape != up.shape[:1]):
            what = f"the matrices of '{name}' have shapes {' and '.join(map(str, shapes))}"
            raise refused(folder / WEIGHTS, f"{what}, not of rank {options.rank}")
    return Adapter(
        options, matrices, config.get("base_model_name_or_path"), config.get("task_type")
    )


def _read_config(folder: Path) -> dict[str, Any]:
    config = read_config(folder, "LORA")
    for key, value in sorted(config.items()):
        on = value not in PLAIN_STARTS if key == "init_lora_weights" else value not in OFF
        if on and key not in UNDERSTOOD | HARMLESS:
            what = f"the setting {key}: {json.dumps(value)} goes beyond plain LoRA"
            raise refused(folder / CONFIG, what)
    return config


def _options(config: dict[str, Any], folder: Path) -> LoraOptions:
    try:
        return LoraOptions(
            rank=config["r"],
            alpha=config["lora_alpha"],
            rank_stabilised=config.get("use_rslora") or False,
            dora=config.get("use_dora") or False,
            dropout=config.get("lora_dropout") or 0.0,
        )
    except (KeyError, ValidationError) as error:
        what = f"r, lora_alpha, lora_dropout or use_rslora is missing or wrong: {error}"
        raise refused(folder / CONFIG, what) from None


def loaded_by_peft(model: Any, folder: Path) -> Any:
    """A plain model wrapped by PEFT, with the adapter of a folder.

    Raises:
        UserError: PEFT is not installed.
    """
    with quiet_peft():
        try:
            from peft import PeftModel
        except ImportError:
            purpose = "proving that the adapter loads elsewhere"
            raise missing_extra("peft", "peft", purpose) from None
        return PeftModel.from_pretrained(model, folder)
