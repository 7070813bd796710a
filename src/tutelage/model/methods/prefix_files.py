"""Prefixes on disk: in PEFT's form where it has one, by module where it has none.

PEFT keeps one tensor, `prompt_embeddings`: for each prefix token the keys and values of the layers,
(tokens, layers * 2 * key heads * head size), keys before values. For models that have several kinds
of attention, the tensors are `NAME.key` and `NAME.value`, (key heads, tokens, head size), by the
module that computes it. What a projected prefix is made of has no place in either: PEFT writes
what it comes to, and cannot go on training (PEFT #2128). It lies in a file beside them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from tutelage.errors import UserError
from tutelage.model.attention.prefix import Prefix
from tutelage.model.methods.files import CONFIG, WEIGHTS, read_config, read_tensors, refused

PEFT_KIND, OUR_KIND = "PREFIX_TUNING", "PREFIX_BY_MODULE"
TENSOR = "prompt_embeddings"
PROJECTION = "prefix_projection.safetensors"


@dataclass(frozen=True)
class Saved:
    """What a folder holds.

    Attributes:
        folder: it.
        base: the model it was trained on, as its user named it.
        kind: of `PEFT_KIND`, `OUR_KIND`.
        tensors: of the adapter's file.
        parts: of the projection's file; empty without one.
    """

    folder: Path
    base: str
    kind: str
    tensors: Mapping[str, Tensor]
    parts: Mapping[str, Tensor]

    @property
    def tokens(self) -> int:
        """Length of the prefix."""
        first = next(iter(self.tensors.values()))
        return int(first.shape[0 if self.kind == PEFT_KIND else 1])

    @property
    def projection(self) -> int | None:
        """Width of the network that it is passed through, if there is one."""
        widths = [len(tensor) for name, tensor in self.parts.items() if name.endswith(".narrow")]
        return widths[0] if widths else None

    def by_layer(
        self, shapes: Mapping[str, tuple[int, ...]], in_pefts_form: bool, model: str
    ) -> dict[str, dict[str, Tensor]]:
        """The parameters of each layer's `Prefix`.

        Args:
            shapes: key heads and head size by the module that computes attention.
            in_pefts_form: whether the model's prefixes are kept so.
            model: what it is, for errors.

        Raises:
            UserError: they are of another model.
        """
        tensors = self.parts or self.tensors
        if self.kind == PEFT_KIND and in_pefts_form and not self.parts:
            return self._unpacked(shapes, model)
        found: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            layer, _, part = name.rpartition(".")
            found.setdefault(layer, {})[part] = tensor.float()
        for name, (heads, size) in shapes.items():
            parts, shape = found.get(name, {}), (heads, self.tokens, size)
            if any(part not in parts or parts[part].shape != shape for part in ("key", "value")):
                raise self._foreign(f"it has no prefix that fits '{name}' of {model}")
        if more := sorted(found.keys() - shapes.keys()):
            raise self._foreign(f"it has one for '{more[0]}', which {model} has not")
        return found

    def _unpacked(
        self, shapes: Mapping[str, tuple[int, ...]], model: str
    ) -> dict[str, dict[str, Tensor]]:
        """From PEFT's one tensor."""
        table = self.tensors[TENSOR].float()
        (heads, size), *others = set(shapes.values())
        if others or table.shape[1] != len(shapes) * 2 * heads * size:
            raise self._foreign(
                f"its tensor has shape {list(table.shape)}, and {model} needs "
                f"{len(shapes) * 2 * heads * size} columns"
            )
        layers = table.view(self.tokens, len(shapes), 2, heads, size).permute(1, 2, 3, 0, 4)
        return {
            name: {"key": key.contiguous(), "value": value.contiguous()}
            for name, (key, value) in zip(shapes, layers, strict=True)
        }

    def _foreign(self, why: str) -> UserError:
        return UserError(
            f"the prefix is of another model: {why}",
            where=str(self.folder),
            fix=f"load it on the model it was trained on ({self.base})",
        )


@torch.no_grad()
def write(
    folder: Path, prefixes: Mapping[str, Prefix], base: str | None, in_pefts_form: bool
) -> None:
    """Write a model's prefixes.

    Args:
        folder: where to; it exists.
        prefixes: by the module that computes attention, in the model's order.
        base: the model, as its user named it.
        in_pefts_form: whether PEFT has a form for them.
    """
    made = {name: prefix() for name, prefix in prefixes.items()}
    first = next(iter(prefixes.values()))
    heads, tokens, size = first.key.shape
    config: dict[str, Any] = {
        "base_model_name_or_path": base,
        "inference_mode": True,
        "num_virtual_tokens": tokens,
        "peft_type": OUR_KIND,
    }
    if in_pefts_form:
        layers = [part.permute(1, 0, 2).flatten(1) for pair in made.values() for part in pair]
        tensors = {TENSOR: torch.cat(layers, dim=1)}
        config |= {
            "encoder_hidden_size": heads * size,
            "num_attention_heads": heads,
            "num_layers": len(prefixes),
            "num_transformer_submodules": 1,
            "peft_type": PEFT_KIND,
            "prefix_projection": False,
            "revision": None,
            "task_type": "CAUSAL_LM",
            "token_dim": heads * size,
        }
    else:
        tensors = {
            f"{name}.{part}": tensor
            for name, pair in made.items()
            for part, tensor in zip(("key", "value"), pair, strict=True)
        }
    save_file(_stored(tensors), folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    if first.narrow is not None:
        parts = {
            f"{name}.{part}": tensor
            for name, prefix in prefixes.items()
            for part, tensor in prefix.named_parameters()
        }
        save_file(_stored(parts), folder / PROJECTION, metadata={"format": "pt"})


def _stored(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().float().contiguous() for name, tensor in tensors.items()}


def read(folder: Path) -> Saved:
    """Read what `write`, or PEFT, wrote.

    Raises:
        UserError: files are missing, broken or not understood.
    """
    config = read_config(folder, PEFT_KIND, OUR_KIND)
    tensors = read_tensors(folder)
    kind = config["peft_type"]
    if config.get("num_transformer_submodules", 1) not in (1, None):
        what = "PEFT's prefixes of encoder-decoders reach the decoder's own attention alone"
        raise refused(folder / CONFIG, what)
    if not tensors or (kind == PEFT_KIND and tensors.keys() != {TENSOR}):
        raise refused(folder / WEIGHTS, f"expected the tensor '{TENSOR}' alone")
    if any(tensor.ndim != (2 if kind == PEFT_KIND else 3) for tensor in tensors.values()):
        raise refused(folder / WEIGHTS, "its tensors are not those of a prefix")
    parts = read_tensors(folder, PROJECTION) if (folder / PROJECTION).is_file() else {}
    base = config.get("base_model_name_or_path") or "not recorded"
    return Saved(folder, base, kind, tensors, parts)
