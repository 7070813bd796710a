"""Encoder-decoders: the decoder answers what the encoder has read.

Plain text, which such a model neither continues nor fills in, is cut in the middle: its first half
is the source, and the second is what the decoder is expected to write. That is a measure of what
tuning has changed, comparable with itself only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from tutelage.infer.backend import Backend
from tutelage.infer.decoder import ROWS
from tutelage.infer.families import inferences
from tutelage.infer.options import DecodeOptions
from tutelage.infer.writer import Writer
from tutelage.model.attention import using
from tutelage.model.families import Family
from tutelage.model.families.encoder_decoder import encoder_decoder
from tutelage.model.linear_cross_entropy import log_probabilities
from tutelage.prompt.form import Form
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import merge


class EncoderDecoderInference:
    """See `Inference` for what each method gives."""

    chooses = False
    weighs = False

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
        """A `Writer`; for one sequence alone a single row is faster than those of a batch."""
        rows = 1 if alone else ROWS
        return Writer(encoder_decoder, model, form.opening, stop_ids, options, rows)

    @torch.inference_mode()
    def text_log_probabilities(
        self,
        family: Family,
        model: PreTrainedModel,
        form: Form,
        texts: Sequence[Sequence[int]],
    ) -> list[np.ndarray]:
        """Of every token of the second half, given the first."""
        model.train(False)
        return [_second_half(family, model, form, text) for text in texts]

    def answer_log_probabilities(
        self,
        family: Family,
        model: PreTrainedModel,
        prompts: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
    ) -> list[np.ndarray]:
        """Not of this family."""
        raise NotImplementedError("an encoder-decoder's answers are not weighed")


def _second_half(
    family: Family, model: PreTrainedModel, form: Form, text: Sequence[int]
) -> np.ndarray:
    plain = [token for token in text if token not in form.encoder.control_ids]
    first, second = plain[: len(plain) // 2], plain[len(plain) // 2 :]
    row = [*form.opening, *second]
    weights = np.zeros(len(row), dtype=np.float32)
    weights[len(form.opening) :] = 1.0
    source = np.array(form.prompt_ids([], [first]), dtype=np.int32)
    ids = np.array(row, dtype=np.int32)
    forest = merge([Rendered(ids, weights, stop_trained=False, source=source)])
    with using(family.layout(model, forest, "segments")):
        hidden = family.forest_states(model, forest)
    targets = torch.from_numpy(forest.targets).to(hidden.device)
    predictors = torch.from_numpy(forest.predictors).to(hidden.device)
    return log_probabilities(hidden[predictors], family.head(model), targets).float().cpu().numpy()


inferences.register("encoder_decoder")(EncoderDecoderInference())
