"""Answers of masked language models: places are filled in, or the likeliest of given answers taken.

Freely, the places are filled one after the other, each time the one that the model is surest of
among those before the end of the answer as it reads now; what is filled in is read in the next
pass (the inference of Schick and Schütze 2021b, section 3.1). There are at most as many passes as
places.

Between given answers one pass decides: an answer's log-probability is the sum over its tokens, the
one that ends it included, each predicted from the text alone. That is the number which training
makes larger, so it needs no correction for length, and answers may differ in theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.infer.backend import Answer, OnAnswer, OnToken, Request, refuse_tunings
from tutelage.infer.masked_rows import ROW, predictions
from tutelage.infer.options import DecodeOptions
from tutelage.infer.sampling import Sampler
from tutelage.model.families import Family

Guess = tuple[int, float]
"""A token and its log-probability."""


@dataclass
class Sheet:
    """A request as far as it is filled in.

    Attributes:
        request: what was asked.
        ids: (tokens,) int64, the text with what is filled in so far.
        places: where in it the answer's places are.
        end: how many of them still count: those up to the first that ends the answer.
        filled: by the number of a place, what stands there.
    """

    request: Request
    ids: np.ndarray
    places: np.ndarray
    end: int
    filled: dict[int, Guess] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request, blank: int) -> Sheet:
        """The request with nothing filled in; `blank` marks the places."""
        ids = np.array(request.ids, dtype=np.int64)
        places = np.flatnonzero(ids == blank)
        if not request.choices:
            places = places[: request.max_new_tokens]
        return cls(request, ids, places, len(places))

    @property
    def open(self) -> list[int]:
        """The numbers of the places still to be filled in."""
        return [number for number in range(self.end) if number not in self.filled]

    def fill(self, guesses: Mapping[int, Guess], stop_ids: Collection[int]) -> None:
        """Fill in one place.

        Args:
            guesses: what the model says of every open one.
            stop_ids: tokens that end the answer.
        """
        now = {**guesses, **self.filled}
        end = next((at for at in range(self.end) if now[at][0] in stop_ids), self.end - 1)
        surest = max((at for at in guesses if at <= end), key=lambda at: guesses[at][1])
        self.filled[surest] = guesses[surest]
        token = guesses[surest][0]
        self.ids[self.places[surest]] = token
        if token in stop_ids:
            self.end = surest + 1

    def answer(self, stop_ids: Collection[int]) -> Answer:
        """What stands at its places."""
        tokens, values = zip(*(self.filled[at] for at in range(self.end)), strict=True)
        return Answer(tokens, "stop" if tokens[-1] in stop_ids else "length", values)


class Filler:
    """A `Backend` over a masked language model loaded with our attention.

    Args:
        family: the model's kind.
        model: the model; whatever its method makes of it at the time of the call.
        blank: the token that marks a place of the answer.
        stop_ids: tokens that end an answer.
        options: how tokens are chosen.
        row: tokens of a row; a chat, which has one prompt, needs none beside it.
    """

    def __init__(
        self,
        family: Family,
        model: PreTrainedModel,
        blank: int,
        stop_ids: Collection[int],
        options: DecodeOptions,
        row: int = ROW,
    ) -> None:
        self.family = family
        self.model = model
        self.blank = blank
        self.stop_ids = frozenset(stop_ids)
        self.options = options
        self.row = row

    @torch.inference_mode()
    def run(
        self,
        requests: Sequence[Request],
        on_token: OnToken | None = None,
        on_answer: OnAnswer | None = None,
    ) -> list[Answer]:
        """Fill in, or choose, the answer of every prompt.

        Args:
            requests: the prompts, each with its places.
            on_token: told of every token of an answer, once the answers are there.
            on_answer: told of every answer, likewise.

        Returns:
            Answers in the order of the requests.

        Raises:
            UserError: a prompt is longer than what the model reads.
            ValueError: a request names a tuning.
        """
        refuse_tunings(requests)
        self.model.train(False)
        sampler = Sampler(self.options)
        answers: dict[int, Answer] = {}
        waiting = {at: Sheet.of(request, self.blank) for at, request in enumerate(requests)}
        while waiting:
            for at, values in self._predicted(waiting):
                sheet = waiting[at]
                if sheet.request.choices:
                    answers[at] = chosen(sheet.request.choices, values)
                    continue
                sheet.fill(self._guesses(sheet, values, sampler), self.stop_ids)
                if not sheet.open:
                    answers[at] = sheet.answer(self.stop_ids)
            waiting = {at: sheet for at, sheet in waiting.items() if at not in answers}
        in_order = [answers[at] for at in range(len(requests))]
        for at, answer in enumerate(in_order):
            if on_token is not None:
                for token in answer.ids:
                    on_token(at, token)
            if on_answer is not None:
                on_answer(at, answer)
        return in_order

    def _predicted(self, waiting: Mapping[int, Sheet]) -> Iterator[tuple[int, Tensor]]:
        """Log-probabilities (open places, vocabulary) of every sheet, by its number."""
        numbers, sheets = list(waiting), list(waiting.values())
        for at, values in predictions(
            self.family,
            self.model,
            [sheet.ids for sheet in sheets],
            [sheet.places[sheet.open] for sheet in sheets],
            row=self.row,
        ):
            yield numbers[at], values

    def _guesses(self, sheet: Sheet, values: Tensor, sampler: Sampler) -> dict[int, Guess]:
        """The token of every open place and its log-probability."""
        tokens = sampler.choose(values, [sheet.request.key] * len(values))
        told = values.gather(1, tokens[:, None])[:, 0]
        return dict(zip(sheet.open, zip(tokens.tolist(), told.tolist(), strict=True), strict=True))


def chosen(choices: Sequence[Sequence[int]], values: Tensor) -> Answer:
    """The likeliest of some answers; of equal ones the first.

    Args:
        choices: token ids, the one that ends the answer included; none has more than there are
            places.
        values: (places, vocabulary) log-probabilities.
    """
    told = [
        values[torch.arange(len(ids), device=values.device), list(ids)].tolist() for ids in choices
    ]
    best = max(range(len(choices)), key=lambda at: sum(told[at]))
    return Answer(tuple(choices[best]), "stop", tuple(told[best]), choice=best)
