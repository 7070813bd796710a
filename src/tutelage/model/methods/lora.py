"""LoRA: small low-rank updates beside frozen linear layers (Hu et al. 2021).

By default every linear layer but the output head is adapted, which QLoRA (Dettmers et al. 2023)
found necessary to match full fine-tuning. The head stays out even when it is named: it is applied
to chosen tokens only, in chunks, and where it is tied to the embedding an update of the one would
silently not reach the other (PEFT #2018). Mixture-of-experts models of transformers 5 keep their
experts in three-dimensional parameters, which are no linear layers: those stay frozen, and the
user is told. The files are PEFT's; see `peft_files`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from tutelage.errors import UserError, nearest
from tutelage.model.families.family import output_head, stacks
from tutelage.model.methods import methods, peft_files
from tutelage.model.methods.low_rank import LowRankLinear
from tutelage.model.methods.naming import means
from tutelage.model.methods.switches import switched_off
from tutelage.model.options import LoraOptions, ModelOptions

WHERE = "model.lora.target_modules"


class Lora:
    """The method `lora`; see `Method` for what each member gives."""

    keeps_base = True

    def prepare(self, model: PreTrainedModel, options: ModelOptions, seed: int) -> list[str]:
        """Freeze the model and put an update beside every targeted layer."""
        targets = find_targets(model, options.lora)
        _wrap(model, targets, options.lora, torch.Generator().manual_seed(seed))
        return _notes(model, len(targets))

    def trainable_parameters(self, model: PreTrainedModel) -> dict[str, nn.Parameter]:
        """The matrices of all updates, and with DoRA the lengths."""
        return {name: value for name, value in model.named_parameters() if value.requires_grad}

    def learning_rate_factors(self, model: PreTrainedModel) -> dict[str, float]:
        """LoRA+: B moves faster than A."""
        layers = adapted_layers(model)
        ratio = next(iter(layers.values())).options.learning_rate_ratio
        return {} if ratio == 1.0 else {f"{name}.lora_B": ratio for name in layers}

    def save(self, model: PreTrainedModel, folder: Path) -> None:
        """Write `adapter_config.json` and `adapter_model.safetensors` as PEFT does."""
        layers = adapted_layers(model)
        first = next(iter(layers.values()))
        matrices = {
            name: peft_files.Matrices(layer.lora_A, layer.lora_B, layer.lora_magnitude_vector)
            for name, layer in layers.items()
        }
        targets = _shortest_names(model, layers)
        adapter = peft_files.Adapter(first.options, matrices, model.name_or_path, _task(model))
        peft_files.write(folder, adapter, targets, transposed=first.transposed)

    @torch.no_grad()
    def load(self, model: PreTrainedModel, folder: Path) -> None:
        """Read such files, ours or PEFT's, into a plain model or one prepared in the same way."""
        adapter = peft_files.read(folder)
        layers = adapted_layers(model)
        if layers:
            _check_same(layers, adapter, folder)
        else:
            _check_fits(model, adapter, folder)
            _wrap(model, list(adapter.matrices), adapter.options, torch.Generator())
            layers = adapted_layers(model)
        for name, (down, up, magnitude) in adapter.matrices.items():
            layers[name].lora_A.copy_(down)
            layers[name].lora_B.copy_(up)
            if magnitude is not None:
                layers[name].magnitude.copy_(magnitude)

    def merge(self, model: PreTrainedModel) -> None:
        """Add each update to its layer's weight and put the plain layer back."""
        for name, layer in adapted_layers(model).items():
            model.set_submodule(name, layer.merged())

    def disabled(self, model: PreTrainedModel) -> AbstractContextManager[None]:
        """Leave out all updates."""
        return switched_off(adapted_layers(model).values())

    def take_off(self, model: PreTrainedModel) -> Callable[[], None]:
        """Put the plain layers back; what is given puts the updates on again."""
        layers = adapted_layers(model)
        for name, layer in layers.items():
            model.set_submodule(name, layer.base)

        def put_on() -> None:
            for name, layer in layers.items():
                model.set_submodule(name, layer)

        return put_on

    def loaded_elsewhere(self, model: Any, folder: Path) -> Any:
        """A plain model with the saved updates, by PEFT."""
        return peft_files.loaded_by_peft(model, folder).get_base_model()


def _task(model: PreTrainedModel) -> str | None:
    """What PEFT calls the task of such a model; it has no name for a masked language model's."""
    if model.config.is_encoder_decoder:
        return "SEQ_2_SEQ_LM"
    return "CAUSAL_LM" if model.can_generate() else None


def adapted_layers(model: PreTrainedModel) -> dict[str, LowRankLinear]:
    """The layers that carry an update, by name, in the model's order."""
    return {name: m for name, m in model.named_modules() if isinstance(m, LowRankLinear)}


def linear_layers(model: PreTrainedModel) -> dict[str, nn.Linear | Conv1D]:
    """The layers that can carry an update, by name: all linear ones but the output head."""
    head = output_head(model)
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and module is not head
    }


def find_targets(model: PreTrainedModel, options: LoraOptions) -> list[str]:
    """Names of the layers that `target_modules` means, in the model's order.

    Raises:
        UserError: a name means no linear layer, or the output head.
    """
    linear = linear_layers(model)
    if options.target_modules == "all-linear":
        # An image encoder would get no gradient.
        text = {module for stack in stacks(model) for module in stack.modules()}
        return [name for name, module in linear.items() if module in text]
    for target in options.target_modules:
        if not any(means(target, name) for name in linear):
            raise _no_such_target(model, linear, target)
    return [name for name in linear if any(means(t, name) for t in options.target_modules)]


def _no_such_target(
    model: PreTrainedModel, linear: dict[str, nn.Linear | Conv1D], target: str
) -> UserError:
    found = [module for name, module in model.named_modules() if means(target, name)]
    known = {name.rpartition(".")[2] for name in linear}
    choices = f"the linear layers end in: {', '.join(sorted(known))}"
    if output_head(model) in found:
        what = f"'{target}' is the output head, which LoRA leaves as it is"
        return UserError(what, where=WHERE, fix=f"leave it out; {choices}")
    if found:
        what = f"'{target}' is a {type(found[0]).__name__}, not a linear layer"
        return UserError(what, where=WHERE, fix=choices)
    close = nearest(target, known | linear.keys())
    fix = f"did you mean {' or '.join(close)}? {choices}" if close else choices
    return UserError(f"no layer of {type(model).__name__} is '{target}'", where=WHERE, fix=fix)


def _wrap(
    model: PreTrainedModel, names: list[str], options: LoraOptions, generator: torch.Generator
) -> None:
    model.requires_grad_(False)
    linear = linear_layers(model)
    for name in names:
        model.set_submodule(name, LowRankLinear(linear[name], options, generator))


def _notes(model: PreTrainedModel, adapted: int) -> list[str]:
    experts = sum(
        parameter.ndim == 3
        for module in model.modules()
        if not isinstance(module, nn.Conv1d)
        for parameter in module.parameters(recurse=False)
    )
    if not experts:
        return []
    return [
        f"{experts} weights are stacks of experts, which LoRA leaves frozen; "
        f"the {adapted} linear layers beside them are adapted"
    ]


def _shortest_names(model: PreTrainedModel, layers: dict[str, LowRankLinear]) -> list[str]:
    """Last parts of the layers' names where these mean no other module, else the whole names."""
    others = [name for name, _ in model.named_modules() if name not in layers]
    ends = {name: name.rpartition(".")[2] for name in layers}
    unclear = {end for end in set(ends.values()) if any(means(end, name) for name in others)}
    return sorted({name if end in unclear else end for name, end in ends.items()})


def _check_same(
    layers: dict[str, LowRankLinear], adapter: peft_files.Adapter, folder: Path
) -> None:
    """An adapter goes into a prepared model only if it was prepared in the same way."""
    options = next(iter(layers.values())).options
    theirs = adapter.options
    if (layers.keys(), _meaning(options)) != (adapter.matrices.keys(), _meaning(theirs)):
        raise UserError(
            f"the adapter has {_words(theirs)} and {len(adapter.matrices)} layers; the model was "
            f"prepared with {_words(options)} and {len(layers)} layers",
            where=str(folder),
            fix="use the settings the adapter was trained with",
        )


def _meaning(options: LoraOptions) -> tuple[object, ...]:
    """What of the options decides what the matrices mean."""
    return options.rank, options.alpha, options.rank_stabilised, options.dora


def _words(options: LoraOptions) -> str:
    return f"rank {options.rank}, alpha {options.alpha:g}{', DoRA' if options.dora else ''}"


def _check_fits(model: PreTrainedModel, adapter: peft_files.Adapter, folder: Path) -> None:
    """Every matrix of the adapter belongs to a linear layer of its shape."""
    linear = linear_layers(model)
    fix = f"load it on the model it was trained on ({adapter.base or 'not recorded'})"
    for name, (down, up, _) in adapter.matrices.items():
        if name not in linear:
            what = f"the adapter changes '{name}', which is no linear layer of this model"
            raise UserError(f"{what} ({type(model).__name__})", where=str(folder), fix=fix)
        weight = linear[name].weight
        shape = list(weight.T.shape if isinstance(linear[name], Conv1D) else weight.shape)
        if shape != [up.shape[0], down.shape[1]]:
            raise UserError(
                f"the adapter's update of '{name}' has shape {[up.shape[0], down.shape[1]]}, "
                f"the model's weight {shape}",
                where=str(folder),
                fix=fix,
            )


lora = methods.register("lora")(Lora())
