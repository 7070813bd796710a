"""Full fine-tuning: every weight is trained, and the whole model is what is kept."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.model.methods import methods
from tutelage.model.options import ModelOptions
from tutelage.model.quiet import quiet_transformers


class Full:
    """The method `full`; see `Method` for what each member gives."""

    keeps_base = False
    learning_rate = 2e-5  # Stanford Alpaca's, and of most full fine-tuning since

    def prepare(self, model: PreTrainedModel, options: ModelOptions, seed: int) -> list[str]:
        """Make every weight trainable; there are no settings and no new weights."""
        model.requires_grad_(True)
        return []

    def trainable_parameters(self, model: PreTrainedModel) -> dict[str, nn.Parameter]:
        """All parameters; of tied ones, the first name."""
        return dict(model.named_parameters())

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


full = methods.register("full")(Full())
