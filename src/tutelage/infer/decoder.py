"""Batched decoding whose answers do not depend on the batch.

Many scores change with the batch size, because a matrix product of 3 rows and one of 32 may round
differently, and a near-tie then falls the other way (lm-eval #1645, #2498). Here no computation
sees how many sequences there are, nor what they share: prompts are read in rows of `PROMPT_ROWS`
tokens, a step has `ROWS` rows (free ones idle, but where fewer were tried and are the same), and
attention is computed in pieces that a token's position fixes. So a prefix that prompts have in
common is read once and stored once, and the answers are those of each prompt alone, to the last
bit. A sequence that ends gives its slot to the next prompt. Experts are the exception: a model that
sends tokens to experts multiplies as many rows in each as were sent there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.infer.admission import admitted
from tutelage.infer.backend import Answer, OnAnswer, OnToken, Request, refuse_tunings
from tutelage.infer.cache import BLOCK, Cache, room_for
from tutelage.infer.options import DecodeOptions
from tutelage.infer.prefixes import Prefixes, find_prefixes
from tutelage.infer.reading import PROMPT_ROWS, PromptReader
from tutelage.infer.row_counts import RowCounts
from tutelage.infer.sampling import Sampler
from tutelage.infer.step_layout import Held, Run, StepLayout
from tutelage.infer.step_logits import step_logits
from tutelage.infer.waves import Ongoing, Wave, first_own_block, in_order, waves
from tutelage.infer.weight_layout import laid_out
from tutelage.model.attention import using
from tutelage.model.context import context_length
from tutelage.model.families import Family

ROWS = 64
"""Rows of every decoding step. On a CPU, 32 rows take about as long as reading the weights, and 64
take 1.4 times as long as 32."""


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
    def run(
        self,
        requests: Sequence[Request],
        on_token: OnToken | None = None,
        on_answer: OnAnswer | None = None,
    ) -> list[Answer]:
        """Continue every prompt; an answer ends at the latest where the model's context does.

        Args:
            requests: the prompts, each of at least one token.
            on_token: told of every new token.
            on_answer: told of every answer as it ends.

        Returns:
            Answers in the order of the requests.

        Raises:
            UserError: a prompt leaves no room for an answer in the model's context.
            ValueError: a request names a tuning.
        """
        if not requests:
            return []
        refuse_tunings(requests)
        self.model.train(False)
        sampler = Sampler(self.options)
        context = context_length(self.model)
        prefixes = find_prefixes([request.ids for request in requests])
        sequences = [
            Ongoing(
                place,
                request.ids,
                path,
                request.key,
                _limit(request, context),
                first_own_block(request.ids, path, prefixes),
            )
            for place, (request, path) in enumerate(zip(requests, prefixes.paths, strict=True))
        ]
        room = room_for(self.family, self.model)
        counts = RowCounts(self.family, self.model, self.rows, headed=True)
        ordered = in_order(sequences, len(prefixes.stretches))
        with laid_out(self.family.backbone(self.model), self.rows):
            for wave in waves(ordered, prefixes, self.options.batch_size, room):
                for ended in self._decode(wave, prefixes, counts, sampler, on_token):
                    if on_answer is not None:
                        on_answer(ended.place, ended.answer())
        return [sequence.answer() for sequence in sequences]

    def _decode(
        self,
        wave: Wave,
        prefixes: Prefixes,
        counts: RowCounts,
        sampler: Sampler,
        on_token: OnToken | None,
    ) -> Iterator[Ongoing]:
        """Decode a wave; its sequences as they end."""
        cache = Cache(wave.sizes, wave.shared_blocks)
        alone = self.rows == 1
        reader = PromptReader(
            self.family,
            self.model,
            cache,
            wave,
            prefixes,
            rows=4 * PROMPT_ROWS if alone else PROMPT_ROWS,
            padded=not alone,
        )
        runs = {at: _full_blocks(wave, prefixes, at) for at in wave.shared}
        waiting = deque(wave.sequences)
        running: dict[int, Ongoing] = {}  # by slot
        while waiting or running:
            newcomers = admitted(
                waiting,
                running,
                wave.slots,
                lambda ones: sum(reader.unread(one) for one in ones),
                PROMPT_ROWS,
                wave.fits,
            )
            if newcomers:
                hidden = reader.read(newcomers)
                self._extend(list(newcomers.values()), hidden, counts, sampler, on_token)
                running |= newcomers
            unended = sorted(slot for slot, it in running.items() if it.finish_reason is None)
            for start in range(0, len(unended), self.rows):
                taken = {slot: running[slot] for slot in unended[start : start + self.rows]}
                held = {slot: _held(sequence, runs) for slot, sequence in taken.items()}
                hidden = self._step(cache, taken, held, counts.for_pass(len(taken)))
                self._extend(list(taken.values()), hidden, counts, sampler, on_token)
            yield from (it for it in running.values() if it.finish_reason is not None)
            running = {slot: it for slot, it in running.items() if it.finish_reason is None}

    def _extend(
        self,
        sequences: Sequence[Ongoing],
        hidden: Tensor,
        counts: RowCounts,
        sampler: Sampler,
        on_token: OnToken | None,
    ) -> None:
        """Choose the next token of each sequence after its last hidden state, (n, width)."""
        for start in range(0, len(sequences), self.rows):
            some = sequences[start : start + self.rows]
            last = hidden[start : start + self.rows]
            logits = step_logits(self.family, self.model, last, counts.known(len(last)))
            sampler.extend(some, logits, self.stop_ids, on_token)

    def _step(
        self, cache: Cache, running: Mapping[int, Ongoing], held: Mapping[int, Held], rows: int
    ) -> Tensor:
        """Read the newest token of each slot's sequence; its hidden states (n, width)."""
        device = self.model.device
        row = torch.zeros(2, rows, dtype=torch.int64)
        newest = [(it.ids[-1], it.held) for it in running.values()]
        row[:, : len(newest)] = torch.tensor(newest).T
        row = row.to(device)
        with using(StepLayout(cache, held, device)):
            hidden = self.family.hidden_states(self.model, row[:1], row[1:])
        return hidden[: len(newest)]


def _full_blocks(wave: Wave, prefixes: Prefixes, at: int) -> Run:
    """The blocks of a shared stretch that whoever continues it can use as they are."""
    stretch = prefixes.stretches[at]
    start = stretch.start // BLOCK
    return Run(wave.shared[at], start, stretch.end // BLOCK - start)


def _held(sequence: Ongoing, runs: Mapping[int, Run]) -> Held:
    """What the cache holds of a sequence."""
    shared = (runs[at] for at in sequence.path if at in runs)
    return Held(sequence.held, tuple(run for run in shared if run.count), sequence.own)


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
