"""The seam between a family of models and whoever wants answers or likelihoods from one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from transformers import PreTrainedModel

from tutelage.infer.backend import Backend
from tutelage.infer.options import DecodeOptions
from tutelage.model.families import Family
from tutelage.prompt.form import Form


class Inference(Protocol):
    """What a family offers besides its forward pass."""

    @property
    def chooses(self) -> bool:
        """Whether its backend takes the choices of a request."""
        ...

    @property
    def weighs(self) -> bool:
        """Whether it tells how likely given answers are, by `answer_log_probabilities`."""
        ...

    def backend(
        self,
        family: Family,
        model: PreTrainedModel,
        form: Form,
        stop_ids: Collection[int],
        options: DecodeOptions,
        *,
        alone: bool,
    ) -> Backend:
        """Something that answers the renderer's prompts.

        Args:
            family: the model's kind.
            model: the model; whatever its method makes of it at the time of the call.
            form: what it reads.
            stop_ids: tokens that end an answer.
            options: how to decode.
            alone: there is one prompt at a time, as in a chat.
        """
        ...

    def text_log_probabilities(
        self,
        family: Family,
        model: PreTrainedModel,
        form: Form,
        texts: Sequence[Sequence[int]],
    ) -> list[np.ndarray]:
        """Log-probabilities of plain texts' tokens, for what the model knew before it was tuned.

        Args:
            family: the model's kind.
            model: the model.
            form: what it reads.
            texts: token ids, at least two each.

        Returns:
            For each text float32 in nats; how many of its tokens have one depends on the family.
        """
        ...

    def answer_log_probabilities(
        self,
        family: Family,
        model: PreTrainedModel,
        prompts: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
    ) -> list[np.ndarray]:
        """Log-probabilities of given answers' tokens; only of a family that weighs.

        Args:
            family: the model's kind.
            model: the model.
            prompts: token ids, one prompt for each answer; what they share is read once.
            answers: token ids, at least one each.

        Returns:
            For each answer, (tokens,) float32 in nats.

        Raises:
            NotImplementedError: the family does not weigh.
        """
        ...
