"""Bottleneck adapters: small networks in every layer of a frozen model (Houlsby et al. 2019).

Where a layer's blocks are is found by watching the model run, and proven (see `places`), so that
no architecture is named here and none of its code is copied. PEFT has no such method; the files'
form is ours, and `load_adapter`, a file that needs only torch and safetensors, reads it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.model.methods import load_adapter, methods
from tutelage.model.methods.bottleneck import AdaptedBlock, Bottleneck
from tutelage.model.methods.files import CONFIG, WEIGHTS, read_config, read_tensors, refused
from tutelage.model.methods.places import find_places
from tutelage.model.methods.switches import switched_off
from tutelage.model.options import AdapterOptions, ModelOptions

KIND = "BOTTLENECK"
VERSION = 1
PARTS = ("down.weight", "down.bias", "up.weight", "up.bias")


class Place(NamedTuple):
    """Where an adapter goes.

    Attributes:
        name: the module behind or beside which it is.
        reads: the module whose input it reads, itself say; None if it reads what `name` gives.
        width: features of both.
    """

    name: str
    reads: str | None
    width: int


class Adapter:
    """The method `adapter`; see `Method` for what each member gives."""

    keeps_base = True

    def prepare(self, model: PreTrainedModel, options: ModelOptions, seed: int) -> list[str]:
        """Freeze the model and put an adapter into every layer."""
        places = _places(model, options.adapter)
        _wrap(model, places, options.adapter, torch.Generator().manual_seed(seed))
        return []

    def trainable_parameters(self, model: PreTrainedModel) -> dict[str, nn.Parameter]:
        """The weights of all adapters."""
        return {name: value for name, value in model.named_parameters() if value.requires_grad}

    def learning_rate_factors(self, model: PreTrainedModel) -> dict[str, float]:
        """None: all adapters move at one rate."""
        return {}

    def save(self, model: PreTrainedModel, folder: Path) -> None:
        """Write `adapter_config.json`, `adapter_model.safetensors` and the file that loads them."""
        blocks = adapted_blocks(model)
        options = next(iter(blocks.values())).adapter.options
        names = {id(module): name for name, module in model.named_modules()}
        config = {
            "peft_type": KIND,
            "version": VERSION,
            "base_model_name_or_path": model.name_or_path,
            **options.model_dump(),
            "places": {
                name: {"reads": _reads(block, name, names)} for name, block in blocks.items()
            },
        }
        tensors = {
            f"{name}.{part}": block.adapter.get_parameter(part).detach().cpu().float().contiguous()
            for name, block in blocks.items()
            for part in PARTS
        }
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
        (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        shutil.copyfile(load_adapter.__file__, folder / "load_adapter.py")

    @torch.no_grad()
    def load(self, model: PreTrainedModel, folder: Path) -> None:
        """Read such files into a plain model or one prepared in the same way."""
        config, tensors = read_config(folder, KIND), read_tensors(folder)
        options, places = _described(config, folder)
        blocks = adapted_blocks(model)
        if blocks:
            _check_same(blocks, options, places, folder)
        else:
            _check_fits(model, config, options, places, folder)
            _wrap(model, _places(model, options), options, torch.Generator())
            blocks = adapted_blocks(model)
        if tensors.keys() != {f"{name}.{part}" for name in blocks for part in PARTS}:
            raise refused(folder / WEIGHTS, "its tensors are not those of the places in the config")
        for name, block in blocks.items():
            for part in PARTS:
                parameter, tensor = block.adapter.get_parameter(part), tensors[f"{name}.{part}"]
                if tensor.shape != parameter.shape:
                    what = f"'{name}.{part}' has shape {list(tensor.shape)}"
                    raise refused(folder / WEIGHTS, f"{what}, expected {list(parameter.shape)}")
                parameter.copy_(tensor)

    def merge(self, model: PreTrainedModel) -> None:
        """Raise: behind its activation an adapter is no part of any weight."""
        raise UserError(
            "adapters cannot be merged into the model's weights: there is an activation in them",
            fix="export it with --to adapter; the folder has load_adapter.py, which puts it on a "
            "plain transformers model",
        )

    def disabled(self, model: PreTrainedModel) -> AbstractContextManager[None]:
        """Leave out all adapters."""
        return switched_off(adapted_blocks(model).values())

    def take_off(self, model: PreTrainedModel) -> Callable[[], None]:
        """Put the plain blocks back; what is given puts the adapters on again."""
        blocks = adapted_blocks(model)
        for name, block in blocks.items():
            block.disconnect()
            model.set_submodule(name, block.base)

        def put_on() -> None:
            for name, block in blocks.items():
                block.connect()
                model.set_submodule(name, block)

        return put_on

    def loaded_elsewhere(self, model: Any, folder: Path) -> Any:
        """A plain model with the saved adapters, by the file that lies beside them."""
        return load_adapter.attach(model, folder)


def adapted_blocks(model: PreTrainedModel) -> dict[str, AdaptedBlock]:
    """The blocks that carry an adapter, by name, in the model's order."""
    return {name: m for name, m in model.named_modules() if isinstance(m, AdaptedBlock)}


def _places(model: PreTrainedModel, options: AdapterOptions) -> list[Place]:
    found: list[Place] = []
    for layer in find_places(model):
        if options.placement == "houlsby":
            found += [Place(name, None, layer.width) for name in layer.attention]
        beside = options.placement == "parallel"
        found.append(Place(layer.feed_forward, layer.reader if beside else None, layer.width))
    return found


def _wrap(
    model: PreTrainedModel, places: list[Place], options: AdapterOptions, generator: torch.Generator
) -> None:
    model.requires_grad_(False)
    for name, reads, width in places:
        base = model.get_submodule(name)
        reader = None if reads in (None, name) else model.get_submodule(str(reads))
        adapter = Bottleneck(width, width, options, generator).to(model.device)
        model.set_submodule(name, AdaptedBlock(base, adapter, reader, reads is not None))


def _reads(block: AdaptedBlock, name: str, names: dict[int, str]) -> str | None:
    if not block.beside:
        return None
    return name if block.reader is None else names[id(block.reader)]


def _described(
    config: dict[str, Any], folder: Path
) -> tuple[AdapterOptions, dict[str, str | None]]:
    """The options and places that a configuration gives."""
    if config.get("version") != VERSION:
        raise refused(folder / CONFIG, f"expected version {VERSION}")
    try:
        options = AdapterOptions(**{key: config[key] for key in AdapterOptions.model_fields})
        return options, {name: place["reads"] for name, place in config["places"].items()}
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise refused(folder / CONFIG, f"a setting is missing or wrong: {error}") from None


def _check_same(
    blocks: dict[str, AdaptedBlock],
    options: AdapterOptions,
    places: dict[str, str | None],
    folder: Path,
) -> None:
    """An adapter goes into a prepared model only if it was prepared in the same way."""
    ours = next(iter(blocks.values())).adapter.options
    if set(blocks) != set(places) or ours != options:
        raise UserError(
            f"the adapter is {options.placement} of width {options.width} in {len(places)} places; "
            f"the model was prepared for {ours.placement} of width {ours.width} in {len(blocks)}",
            where=str(folder),
            fix="use the settings the adapter was trained with",
        )


def _check_fits(
    model: PreTrainedModel,
    config: dict[str, Any],
    options: AdapterOptions,
    places: dict[str, str | None],
    folder: Path,
) -> None:
    """The adapter's places are those of this model."""
    here = {place.name: place.reads for place in _places(model, options)}
    if here != places:
        other = sorted(places.items() ^ here.items(), key=str)[0][0]
        base = config.get("base_model_name_or_path") or "not recorded"
        raise UserError(
            f"the adapter is of another model: its places differ from those of "
            f"{type(model).__name__} in '{other}'",
            where=str(folder),
            fix=f"load it on the model it was trained on ({base})",
        )


adapter = methods.register("adapter")(Adapter())
