"""Batched decoding whose answers do not depend on the batch.

Many scores change with the batch size, because a matrix product of 3 rows and one of 32 may round
differently, and a near-tie then falls the other way (lm-eval #1645, #2498). Here no computation
sees how many sequences there are: a prompt is read alone, a step always has `ROWS` rows (free ones
idle), and attention over a slot is independent of the other slots. A sequence that ends gives its
slot to the next prompt, longest first, so that the rows stay busy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.infer.backend import Answer, OnToken, Request
from tutelage.infer.cache import Cache, PromptLayout, StepLayout
from tutelage.infer.options import DecodeOptions
from tutelage.infer.sampling import Sampler
from tutelage.model.attention import using
from tutelage.model.families import Family

ROWS = 32
"""Rows of every decoding step. On a CPU, 32 rows take about as long as reading the weights."""


@dataclass(slots=True)
class _Sequence:
    """A sequence being decoded."""

    place: int  # in the list of requests
    request: Request
    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)

    @property
    def held(self) -> int:
        """Tokens in the cache: the newest one is yet to be read."""
        return len(self.request.ids) + len(self.ids) - 1


class Decoder:
    """A `Backend` over a model loaded with our attention.

    Args:
        family: the model's kind.
        model: the model; whatever its method makes of it at the time of the call.
        stop_ids: tokens that end an answer.
        options: how to decode.
        rows: rows of a step; only a chat, which has one sequence, takes fewer than `ROWS`.
    """

    def __init__(
        self,
        family: Family,
        model: PreTrainedModel,
        stop_ids: Collection[int],
        options: DecodeOptions,
        rows: int = ROWS,
    ) -> None:
        self.family = family
        self.model = model
        self.stop_ids = frozenset(stop_ids)
        self.options = options
        self.rows = rows

    @torch.inference_mode()
    def run(self, requests: Sequence[Request], on_token: OnToken | None = None) -> list[Answer]:
        """Continue every prompt; answers in the order of the requests."""
        if not requests:
            return []
        self.model.train(False)
        sampler = Sampler(self.options)
        waiting = sorted(range(len(requests)), key=lambda at: len(requests[at].ids))
        slots = min(self.options.batch_size, len(requests))
        longest = max(len(request.ids) + request.max_new_tokens for request in requests)
        cache = Cache(slots, longest)
        running: list[_Sequence | None] = [None] * slots
        answers: dict[int, Answer] = {}

        def take(slot: int, sequence: _Sequence, logits: Tensor, token: int) -> None:
            sequence.ids.append(token)
            sequence.log_probabilities.append(float(logits[token] - logits.logsumexp(dim=0)))
            if on_token is not None:
                on_token(sequence.place, token)
            stopped = token in self.stop_ids
            if stopped or len(sequence.ids) >= sequence.request.max_new_tokens:
                answers[sequence.place] = Answer(
                    tuple(sequence.ids),
                    "stop" if stopped else "length",
                    tuple(sequence.log_probabilities),
                )
                running[slot] = None

        while waiting or any(running):
            for slot in range(slots):
                while running[slot] is None and waiting:
                    place = waiting.pop()
                    running[slot] = sequence = _Sequence(place, requests[place])
                    logits = self._read(cache, slot, sequence.request.ids)
                    token = sampler.choose(logits, [sequence.request.key])
                    take(slot, sequence, logits[0], int(token[0]))
            for start in range(0, slots, self.rows):
                run = slice(start, min(start + self.rows, slots))
                active = [(slot, s) for slot, s in enumerate(running[run], start) if s is not None]
                if not active:
                    continue
                logits = self._step(cache, run, running[run])
                logits = logits[[slot - start for slot, _ in active]]
                tokens = sampler.choose(logits, [s.request.key for _, s in active]).tolist()
                for (slot, sequence), row, token in zip(active, logits, tokens, strict=True):
                    take(slot, sequence, row, token)
        return [answers[place] for place in range(len(requests))]

    def _read(self, cache: Cache, slot: int, ids: tuple[int, ...]) -> Tensor:
        """Read a prompt into a slot; logits (1, vocabulary) of what follows it."""
        device = self.model.device
        row = torch.tensor(ids, device=device)[None]
        positions = torch.arange(len(ids), device=device)[None]
        with using(PromptLayout(cache, slot, len(ids), device)):
            hidden = self.family.hidden_states(self.model, row, positions)
        return self.family.logits(self.model, hidden[-1:]).float()

    def _step(self, cache: Cache, run: slice, sequences: list[_Sequence | None]) -> Tensor:
        """Read the newest token of each sequence; logits (rows, vocabulary) of what follows."""
        device = self.model.device
        idle = self.rows - len(sequences)
        newest = [0 if s is None else s.ids[-1] for s in sequences]
        held = [0 if s is None else s.held for s in sequences]
        row = torch.tensor([*newest, *[0] * idle], device=device)[None]
        positions = torch.tensor([*held, *[0] * idle], device=device)[None]
        with using(StepLayout(cache, run, torch.tensor(held, device=device))):
            hidden = self.family.hidden_states(self.model, row, positions)
        return self.family.logits(self.model, hidden).float()
