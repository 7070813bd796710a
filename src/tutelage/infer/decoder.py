"""Batched decoding whose answers do not depend on the batch.

Many scores change with the batch size, because a matrix product of 3 rows and one of 32 may round
differently, and a near-tie then falls the other way (lm-eval #1645, #2498). Here no computation
sees how many sequences there are: a prompt is read alone, a step always has `ROWS` rows (free ones
idle), and each slot of the cache is attended by itself. A sequence that ends gives its slot to the
next prompt, longest first, so that the rows stay busy. Experts are the exception: a model that
sends tokens to experts multiplies as many rows in each as were sent there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.infer.backend import Answer, OnToken, Request
from tutelage.infer.cache import Cache, PromptLayout, SizeLayout, StepLayout, memory_budget
from tutelage.infer.options import DecodeOptions
from tutelage.infer.sampling import Sampler
from tutelage.model.attention import using
from tutelage.model.context import context_length
from tutelage.model.families import Family
from tutelage.model.linear_cross_entropy import at_least_float32

ROWS = 32
"""Rows of every decoding step. On a CPU, 32 rows take about as long as reading the weights."""


@dataclass(slots=True)
class _Sequence:
    """A sequence being decoded."""

    place: int  # in the list of requests
    prompt: tuple[int, ...]
    key: int
    limit: int  # most new tokens
    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    finish_reason: Literal["stop", "length"] | None = None

    @property
    def longest(self) -> int:
        """Tokens of prompt and longest answer."""
        return len(self.prompt) + self.limit

    @property
    def held(self) -> int:
        """Tokens in the cache: the newest one is yet to be read."""
        return len(self.prompt) + len(self.ids) - 1

    def answer(self) -> Answer:
        assert self.finish_reason is not None
        return Answer(tuple(self.ids), self.finish_reason, tuple(self.log_probabilities))


@dataclass(frozen=True, slots=True)
class _Wave:
    """Sequences that share one cache, longest first."""

    sequences: Sequence[_Sequence]
    slots: int


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
        """Continue every prompt; an answer ends at the latest where the model's context does.

        Args:
            requests: the prompts, each of at least one token.
            on_token: told of every new token.

        Returns:
            Answers in the order of the requests.

        Raises:
            UserError: a prompt leaves no room for an answer in the model's context.
        """
        self.model.train(False)
        sampler = Sampler(self.options)
        context = context_length(self.model)
        sequences = [
            _Sequence(place, request.ids, request.key, _limit(request, context))
            for place, request in enumerate(requests)
        ]
        for wave in self._waves(sequences):
            self._decode(wave, sampler, on_token)
        return [sequence.answer() for sequence in sequences]

    def _waves(self, sequences: Sequence[_Sequence]) -> Iterator[_Wave]:
        """Divide sequences so that every wave's cache keeps within the memory for it.

        Where memory is enough for all slots at the longest sequence, there is one wave. Where it
        is not, a wave goes down to half the length of its longest: the next has room for more.
        """
        waiting = sorted(sequences, key=lambda sequence: sequence.longest, reverse=True)
        room = memory_budget(self.model.device) // self._bytes_a_token() if waiting else 0
        while waiting:
            longest = waiting[0].longest
            slots = max(1, min(self.options.batch_size, room // longest))
            size = len(waiting)
            if slots < self.options.batch_size:
                size = sum(2 * sequence.longest > longest for sequence in waiting)
            yield _Wave(waiting[:size], min(slots, size))
            waiting = waiting[size:]

    def _decode(self, wave: _Wave, sampler: Sampler, on_token: OnToken | None) -> None:
        """Decode a wave to its end."""
        cache = Cache(wave.slots, wave.sequences[0].longest)
        waiting = deque(wave.sequences)
        running: dict[int, _Sequence] = {}  # by slot
        while waiting or running:
            for slot in range(wave.slots):
                while slot not in running and waiting:
                    sequence = waiting.popleft()
                    logits = self._read(cache, slot, sequence.prompt)
                    self._extend([sequence], logits, sampler, on_token)
                    if sequence.finish_reason is None:
                        running[slot] = sequence
            active = sorted(running.items())
            for start in range(0, len(active), self.rows):
                taken = dict(active[start : start + self.rows])
                logits = self._step(cache, taken)
                self._extend(list(taken.values()), logits, sampler, on_token)
            running = {slot: s for slot, s in active if s.finish_reason is None}

    def _extend(
        self,
        sequences: Sequence[_Sequence],
        logits: Tensor,
        sampler: Sampler,
        on_token: OnToken | None,
    ) -> None:
        """Choose the next token of each sequence; logits are (at least so many, vocabulary)."""
        normalisers = logits.logsumexp(dim=1)[: len(sequences)]
        logits = logits[: len(sequences)]
        tokens = sampler.choose(logits, [sequence.key for sequence in sequences])
        chosen = logits.gather(1, tokens[:, None])[:, 0] - normalisers
        for sequence, token, log_probability in zip(
            sequences, tokens.tolist(), chosen.tolist(), strict=True
        ):
            sequence.ids.append(token)
            sequence.log_probabilities.append(log_probability)
            if token in self.stop_ids:
                sequence.finish_reason = "stop"
            elif len(sequence.ids) >= sequence.limit:
                sequence.finish_reason = "length"
            if on_token is not None:
                on_token(sequence.place, token)

    def _read(self, cache: Cache, slot: int, ids: Sequence[int]) -> Tensor:
        """Read a prompt into a slot; logits (1, vocabulary) of what follows it."""
        device = self.model.device
        row = torch.tensor(ids, device=device)[None]
        positions = torch.arange(len(ids), device=device)[None]
        with using(PromptLayout(cache, slot, len(ids), device)):
            hidden = self.family.hidden_states(self.model, row, positions)
        return at_least_float32(self.family.logits(self.model, hidden[-1:]))

    def _step(self, cache: Cache, running: dict[int, _Sequence]) -> Tensor:
        """Read the newest token of each slot's sequence; logits (rows, vocabulary)."""
        device = self.model.device
        idle = [0] * (self.rows - len(running))
        newest = [sequence.ids[-1] for sequence in running.values()]
        held = [sequence.held for sequence in running.values()]
        row = torch.tensor([[*newest, *idle]], device=device)
        positions = torch.tensor([[*held, *idle]], device=device)
        with using(StepLayout(cache, list(running), held, device)):
            hidden = self.family.hidden_states(self.model, row, positions)
        return at_least_float32(self.family.logits(self.model, hidden))

    def _bytes_a_token(self) -> int:
        """What a token takes in the cache, found by reading one."""
        nothing = torch.zeros(1, 1, dtype=torch.int64, device=self.model.device)
        layout = SizeLayout()
        with using(layout):
            self.family.hidden_states(self.model, nothing, nothing)
        return layout.bytes


def _limit(request: Request, context: int | None) -> int:
    """Most new tokens: what was asked for, and no more than the model's context has room for."""
    if context is None:
        return request.max_new_tokens
    room = context - len(request.ids)
    if room < 1:
        raise UserError(
            f"a prompt has {len(request.ids)} tokens, which leaves no room for an answer "
            f"in the model's context of {context}",
            fix=f"shorten it, or set prompt.max_tokens below {context}",
        )
    return min(request.max_new_tokens, room)
