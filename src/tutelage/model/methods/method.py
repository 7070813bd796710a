"""The seam between a way of tuning and the loop, the decoder and the exporter.

A method changes a loaded model in place. All its state is in the model, so that a `Method` itself
is stateless and a tuned model is only ever one object.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from torch import nn
from transformers import PreTrainedModel

from tutelage.model.options import ModelOptions


class Method(Protocol):
    """What a way of tuning offers."""

    @property
    def keeps_base(self) -> bool:
        """Whether the base model is still in the tuned one, so that `disabled` can give it."""
        ...

    def prepare(self, model: PreTrainedModel, options: ModelOptions, seed: int) -> list[str]:
        """Make the model ready to be tuned, in place.

        Args:
            model: as loaded.
            options: the method's settings are in it.
            seed: of new weights; the same seed gives the same weights on every device.

        Returns:
            Sentences to tell the user, such as what is left out and why.

        Raises:
            UserError: the settings do not fit the model.
        """
        ...

    def trainable_parameters(self, model: PreTrainedModel) -> dict[str, nn.Parameter]:
        """The trained parameters by name, each once however often it is used."""
        ...

    def learning_rate_factors(self, model: PreTrainedModel) -> dict[str, float]:
        """By the name of a trained parameter, how many times the learning rate it moves at."""
        ...

    def save(self, model: PreTrainedModel, folder: Path) -> None:
        """Write what was tuned into `folder`, which exists."""
        ...

    def load(self, model: PreTrainedModel, folder: Path) -> None:
        """Put what `save` wrote into a model that is as loaded, or prepared in the same way.

        Raises:
            UserError: the files are unreadable or belong to another model.
        """
        ...

    def merge(self, model: PreTrainedModel) -> None:
        """Fold the tuning into plain weights, in place; what is left is a plain model.

        Raises:
            UserError: the tuning is no part of any weight.
        """
        ...

    def disabled(self, model: PreTrainedModel) -> AbstractContextManager[None]:
        """A context in which the model is the base model.

        Raises:
            ValueError: `keeps_base` is false.
        """
        ...

    def take_off(self, model: PreTrainedModel) -> Callable[[], None]:
        """Remove the tuning from the model, so that another can be loaded; keep it aside.

        Returns:
            What puts it on again, once the model is without tuning.

        Raises:
            ValueError: `keeps_base` is false.
        """
        ...

    def loaded_elsewhere(self, model: Any, folder: Path) -> Any:
        """A plain transformers model with what `save` wrote, as software other than ours loads it.

        Raises:
            UserError: that software is not installed.
            ValueError: `keeps_base` is false.
        """
        ...
