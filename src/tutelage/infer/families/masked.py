"""Masked language models: places are filled in, and plain text is predicted part by part."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from tutelage.infer.backend import Backend
from tutelage.infer.families import inferences
from tutelage.infer.filling import Filler
from tutelage.infer.masked_rows import ROW, predictions
from tutelage.infer.options import DecodeOptions
from tutelage.model.families import Family
from tutelage.prompt.form import Form

ROUNDS = 7
"""Plain text is predicted every seventh token at a time: 14 % of it is masked, about as much as in
the models' own training."""


class MaskedInference:
    """See `Inference` for what each method gives."""

    chooses = True
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
        """A `Filler`; one prompt alone needs no idle tokens beside it."""
        return Filler(family, model, blank_of(form), stop_ids, options, row=1 if alone else ROW)

    @torch.inference_mode()
    def text_log_probabilities(
        self,
        family: Family,
        model: PreTrainedModel,
        form: Form,
        texts: Sequence[Sequence[int]],
    ) -> list[np.ndarray]:
        """Of every token but the first, which only opens the text.

        A token is predicted from all that is not masked with it, before it and behind it: a
        pseudo-log-likelihood (Salazar et al. 2020) in `ROUNDS` passes instead of one a token.
        """
        model.train(False)
        blank = blank_of(form)
        found = [np.zeros(len(text) - 1, dtype=np.float32) for text in texts]
        rounds = [
            (at, np.arange(1 + start, len(text), ROUNDS))
            for at, text in enumerate(texts)
            for start in range(min(ROUNDS, len(text) - 1))
        ]
        masked = []
        for at, places in rounds:
            ids = np.array(texts[at], dtype=np.int64)
            ids[places] = blank
            masked.append(ids)
        wanted = [places for _, places in rounds]
        for number, values in predictions(family, model, masked, wanted):
            at, places = rounds[number]
            targets = torch.tensor(texts[at], device=values.device)[torch.from_numpy(places)]
            told = values.gather(1, targets[:, None])[:, 0]
            found[at][places - 1] = told.float().cpu().numpy()
        return found

    def answer_log_probabilities(
        self,
        family: Family,
        model: PreTrainedModel,
        prompts: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
    ) -> list[np.ndarray]:
        """Not of this family."""
        raise NotImplementedError(
            "a masked language model fills places, of which an answer has a fixed number"
        )


def blank_of(form: Form) -> int:
    """The token that marks a place of the answer.

    Raises:
        ValueError: the form has no such places, so it is another family's.
    """
    if form.blank is None:
        raise ValueError(f"{type(form).__name__} has no places for an answer")
    return form.blank


inferences.register("masked")(MaskedInference())
