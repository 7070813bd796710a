"""Decoder-only models: prompts are continued, and a text's tokens predicted from those before."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from transformers import PreTrainedModel

from tutelage.infer.backend import Backend
from tutelage.infer.decoder import ROWS, Decoder
from tutelage.infer.families import inferences
from tutelage.infer.likelihood import log_likelihoods
from tutelage.infer.options import DecodeOptions
from tutelage.model.families import Family
from tutelage.prompt.form import Form


class CausalInference:
    """See `Inference` for what each method gives."""

    chooses = False
    weighs = True

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
        """A `Decoder`; for one sequence alone a single row is faster than those of a batch."""
        return Decoder(family, model, stop_ids, options, rows=1 if alone else ROWS)

    def text_log_probabilities(
        self,
        family: Family,
        model: PreTrainedModel,
        form: Form,
        texts: Sequence[Sequence[int]],
    ) -> list[np.ndarray]:
        """Of every token but the first."""
        return log_likelihoods(family, model, texts)

    def answer_log_probabilities(
        self,
        family: Family,
        model: PreTrainedModel,
        prompts: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
    ) -> list[np.ndarray]:
        """Of every token of an answer, behind its prompt."""
        whole = [(*prompt, *answer) for prompt, answer in zip(prompts, answers, strict=True)]
        return log_likelihoods(family, model, whole, [len(prompt) for prompt in prompts])


inferences.register("causal")(CausalInference())
