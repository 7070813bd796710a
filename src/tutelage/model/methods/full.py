"""Full fine-tuning: every weight is trained, or those of some modules; the whole model is kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from tutelage.errors import UserError, nearest
from tutelage.model.families.family import decoder
from tutelage.model.methods import methods
from tutelage.model.methods.naming import means
from tutelage.model.options import FullOptions, ModelOptions
from tutelage.model.quiet import quiet_transformers

WHERE = "model.full.target_modules"


class Full:
    """The method `full`; see `Method` for what each member gives."""

    keeps_base = False

    def prepare(self, model: PreTrainedModel, options: ModelOptions, seed: int) -> list[str]:
        """Make the chosen weights trainable and freeze the rest; there are no new ones."""
        chosen = _chosen(model, options.full)
        # What the architecture itself holds fixed stays so: Marian's places are a formula.
        fixed = [value for value in model.parameters() if not value.requires_grad]
        model.requires_grad_(not chosen)
        for name in chosen:
            model.get_submodule(name).requires_grad_(True)
        for value in fixed:
            value.requires_grad_(False)
        if chosen and not self.trainable_parameters(model):
            raise UserError(
                f"{', '.join(chosen[:3])} has no weights to train",
                where=WHERE,
                fix="name modules that have some",
            )
        return []

    def trainable_parameters(self, model: PreTrainedModel) -> dict[str, nn.Parameter]:
        """The chosen parameters; of tied ones, the first name."""
        return {name: value for name, value in model.named_parameters() if value.requires_grad}

    def learning_rate_factors(self, model: PreTrainedModel) -> dict[str, float]:
        """None: all weights move at one rate."""
        return {}

    def save(self, model: PreTrainedModel, folder: Path) -> None:
        """Write a plain transformers folder, without tokenizer."""
        with quiet_transformers():
            model.save_pretrained(folder)

    @torch.no_grad()
    def load(self, model: PreTrainedModel, folder: Path) -> None:
        """Read such a folder into the model, in its precision and on its device."""
        # transformers reads it, because names on disk may differ from those in memory.
        try:
            with quiet_transformers():
                loaded: Any = type(model).from_pretrained(
                    folder, dtype=model.dtype, use_safetensors=True, output_loading_info=True
                )
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(f"the model cannot be read: {error}", where=str(folder)) from None
        saved, report = loaded
        if wrong := sorted({str(key) for keys in report.values() for key in keys}):
            raise UserError(
                f"its weights are not those of {model.name_or_path}; they differ in {wrong[0]}",
                where=str(folder),
                fix="load it on the base model it was tuned from",
            )
        model.load_state_dict(saved.state_dict())

    def merge(self, model: PreTrainedModel) -> None:
        """Do nothing: the model is plain already."""

    def disabled(self, model: PreTrainedModel) -> AbstractContextManager[None]:
        """Raise, as the base weights are overwritten; see `keeps_base`."""
        raise ValueError("full fine-tuning overwrites the base model: load it anew instead")

    def take_off(self, model: PreTrainedModel) -> Callable[[], None]:
        """Raise, as the base weights are overwritten."""
        raise ValueError("full fine-tuning overwrites the base model: load it anew instead")

    def loaded_elsewhere(self, model: Any, folder: Path) -> Any:
        """Raise, as there is no adapter; what `save` wrote is a plain model."""
        raise ValueError("full fine-tuning leaves a whole model, not one to put on another")


def _chosen(model: PreTrainedModel, options: FullOptions) -> list[str]:
    """Names of the modules to train; empty for all of the model."""
    if options.last_layers is not None:
        layers = _layers(model)
        if options.last_layers > len(layers):
            raise UserError(
                f"{type(model).__name__} has {len(layers)} layers, not {options.last_layers}",
                where="model.full.last_layers",
                fix="name fewer",
            )
        return layers[-options.last_layers :]
    if options.target_modules == "all":
        return []
    modules = [name for name, _ in model.named_modules() if name]
    for target in options.target_modules:
        if not any(means(target, name) for name in modules):
            known = {*modules, *(name.rpartition(".")[2] for name in modules)}
            close = nearest(target, known)
            ends = sorted({name.rpartition(".")[2] for name in modules} - {""})
            choices = f"its modules end in: {', '.join(end for end in ends if not end.isdigit())}"
            raise UserError(
                f"no module of {type(model).__name__} is '{target}'",
                where=WHERE,
                fix=f"did you mean {' or '.join(close)}? {choices}" if close else choices,
            )
    return [name for name in modules if any(means(t, name) for t in options.target_modules)]


def _layers(model: PreTrainedModel) -> list[str]:
    """Names of the decoder's repeated layers, the last ones of an encoder-decoder its decoder's."""
    inside = set(decoder(model).modules())
    lists = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and module in inside
    ]
    if not lists:
        raise UserError(
            f"{type(model).__name__} keeps its layers in no list",
            where="model.full.last_layers",
            fix="name modules in model.full.target_modules",
        )
    return [f"{lists[0]}.{at}" for at in range(len(model.get_submodule(lists[0])))]  # type: ignore[arg-type]


full = methods.register("full")(Full())
