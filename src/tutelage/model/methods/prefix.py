"""Prefix tuning: trained keys and values before those of every layer (Li & Liang 2021).

They are put in by our attention function, in every kind of attention that a model has: an
encoder's, a decoder's, and a decoder's on an encoder's. So they work with packs and token trees,
grouped queries, activations that are computed again and shared caches, where PEFT's, handed in as
past keys and values, fail (PEFT #869, #2662, #3205). A prefix starts as what the model itself
computes for some tokens; the paper found that to beat random numbers by far.

To a decoder-only model the text stands behind its prefix: positions begin at its length, as in
PEFT, whose files we write and read. Of other models, for which PEFT reaches the decoder's own
attention alone, the files are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.model.attention.layout import Heads
from tutelage.model.attention.prefix import CHILD, Prefix, prefixes_of
from tutelage.model.context import context_length, follows_prefix
from tutelage.model.families.family import decoder, output_head
from tutelage.model.methods import methods, peft_files, prefix_files
from tutelage.model.methods.structure import refused, watch
from tutelage.model.methods.switches import switched_off
from tutelage.model.options import ModelOptions

_shifts: WeakKeyDictionary[PreTrainedModel, RemovableHandle] = WeakKeyDictionary()


class PrefixTuning:
    """The method `prefix`; see `Method` for what each member gives."""

    keeps_base = True

    def prepare(self, model: PreTrainedModel, options: ModelOptions, seed: int) -> list[str]:
        """Freeze the model and put a prefix before the keys of every layer."""
        wanted = options.prefix
        context = context_length(model)
        if context is not None and follows_prefix(model) and wanted.tokens >= context:
            raise UserError(
                f"a prefix of {wanted.tokens} tokens leaves nothing of the context of {context}",
                where="model.prefix.tokens",
                fix="make it much shorter",
            )
        generator = torch.Generator().manual_seed(seed)
        ids = torch.randint(_vocabulary(model), (wanted.tokens,), generator=generator)
        prefixes = {
            name: Prefix(heads.key[0], heads.value[0], wanted.projection, generator)
            for name, heads in asking(model, ids).items()
        }
        _put_on(model, prefixes)
        return []

    def trainable_parameters(self, model: PreTrainedModel) -> dict[str, nn.Parameter]:
        """The keys and values, and what they are projected by."""
        return {name: value for name, value in model.named_parameters() if value.requires_grad}

    def learning_rate_factors(self, model: PreTrainedModel) -> dict[str, float]:
        """None: all move at one rate."""
        return {}

    def save(self, model: PreTrainedModel, folder: Path) -> None:
        """Write `adapter_config.json` and `adapter_model.safetensors`, as PEFT does if it can.

        With a projection, `prefix_projection.safetensors` holds what the prefix is made of.
        """
        prefix_files.write(folder, prefixes_of(model), model.name_or_path, in_pefts_form(model))

    @torch.no_grad()
    def load(self, model: PreTrainedModel, folder: Path) -> None:
        """Read such files, ours or PEFT's, into a plain model or one prepared in the same way."""
        saved = prefix_files.read(folder)
        prefixes = prefixes_of(model)
        if not prefixes:
            fresh = asking(model, torch.zeros(1, dtype=torch.int64))
            shapes = {name: heads.key.shape[1::2] for name, heads in fresh.items()}
            states = saved.by_layer(shapes, in_pefts_form(model), type(model).__name__)
            device = model.device
            prefixes = {
                name: Prefix(
                    state["key"].to(device),
                    state["value"].to(device),
                    saved.projection,
                    torch.Generator(),
                )
                for name, state in states.items()
            }
            _put_on(model, prefixes)
        shapes = {name: prefix.key.shape[::2] for name, prefix in prefixes.items()}
        states = saved.by_layer(shapes, in_pefts_form(model), type(model).__name__)
        for name, prefix in prefixes.items():
            held = dict(prefix.named_parameters())
            found = {part: list(tensor.shape) for part, tensor in states[name].items()}
            if found != {part: list(tensor.shape) for part, tensor in held.items()}:
                raise UserError(
                    f"the prefix has {saved.tokens} tokens and projection {saved.projection}; the "
                    f"model was prepared for {prefix.tokens} and "
                    f"{None if prefix.narrow is None else len(prefix.narrow)}",
                    where=str(folder),
                    fix="use the settings the prefix was trained with",
                )
            for part, parameter in held.items():
                parameter.copy_(states[name][part])

    def merge(self, model: PreTrainedModel) -> None:
        """Raise: what a prefix adds to attention is no part of any weight."""
        raise UserError(
            "a prefix cannot be merged into the model's weights: it is keys and values of its own",
            fix="export it with --to adapter, in PEFT's form",
        )

    def disabled(self, model: PreTrainedModel) -> AbstractContextManager[None]:
        """Leave out all prefixes, and count positions from the text's first token."""
        return switched_off(prefixes_of(model).values())

    def take_off(self, model: PreTrainedModel) -> Callable[[], None]:
        """Remove all prefixes; what is given puts them back."""
        prefixes = prefixes_of(model)
        for name in prefixes:
            del model.get_submodule(name)._modules[CHILD]
        if (shift := _shifts.pop(model, None)) is not None:
            shift.remove()
        return lambda: _put_on(model, prefixes)

    def loaded_elsewhere(self, model: Any, folder: Path) -> Any:
        """A plain model with the saved prefix, by PEFT."""
        if not in_pefts_form(model):
            raise UserError(
                f"no other software has prefixes in all attention of a {type(model).__name__}",
                fix="use the run itself, or tune by lora or adapter",
            )
        context = context_length(model)
        windows = {
            heads.window for heads in asking(model, torch.zeros(1, dtype=torch.int64)).values()
        }
        hidden = [window for window in windows if window is not None]
        if hidden and (context is None or min(hidden) < context):
            raise UserError(
                f"PEFT lets a prefix slide out of the model's window of {min(hidden)} tokens, and "
                "here it stays in sight, so a longer text would get other answers",
                fix="use the run itself, or tune by lora or adapter",
            )
        return peft_files.loaded_by_peft(model, folder)


def asking(model: PreTrainedModel, ids: Tensor) -> dict[str, Heads]:
    """What each module that computes attention hands over for some tokens.

    Raises:
        UserError: there is none, or one's keys and values differ in shape.
    """
    found: dict[str, Heads] = {}
    for event in watch(model, ids).askings:
        found.setdefault(event.name, event.heads)
    if not found:
        raise refused(model, "prefix", "its attention is computed in a way of its own")
    for name, heads in found.items():
        if heads.key.shape != heads.value.shape:
            raise refused(model, "prefix", f"keys and values of {name} differ in shape")
    return found


def in_pefts_form(model: PreTrainedModel) -> bool:
    """Whether the model is decoder-only, and all its attention one kind."""
    return follows_prefix(model)


def _vocabulary(model: PreTrainedModel) -> int:
    head = output_head(model)
    assert head is not None  # every family has one
    weight: Tensor = head.weight  # type: ignore[assignment]
    return len(weight)


def _put_on(model: PreTrainedModel, prefixes: dict[str, Prefix]) -> None:
    model.requires_grad_(False)
    for name, prefix in prefixes.items():
        prefix.requires_grad_(True)
        model.get_submodule(name).add_module(CHILD, prefix)
    if follows_prefix(model):
        first = next(iter(prefixes.values()))
        _shifts[model] = decoder(model).register_forward_pre_hook(
            _Shift(first).before, with_kwargs=True
        )


@dataclass(frozen=True)
class _Shift:
    """Lets positions begin behind a prefix."""

    prefix: Prefix

    def before(
        self, _module: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Hook before the module that turns tokens into hidden states."""
        if not self.prefix.enabled:
            return inputs, keywords
        positions = keywords.get("position_ids")
        if positions is None:
            ids: Tensor = inputs[0] if inputs else keywords["input_ids"]
            positions = torch.arange(ids.shape[1], device=ids.device)[None]
        return inputs, {**keywords, "position_ids": positions + self.prefix.tokens}


prefix = methods.register("prefix")(PrefixTuning())
