"""Batched answers of an encoder-decoder that do not depend on the batch.

As in `decoder`, no computation sees how many sequences there are: sources are read in rows whose
length they decide themselves (`sources`), a step always has `ROWS` rows (free ones idle), and each
answer attends its own keys in a call of its own. So the answers are those of each prompt alone, to
the last bit. A source is encoded once, however many requests ask about it; a sequence that ends
gives its slot to the next.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.infer.admission import admitted
from tutelage.infer.backend import Answer, OnAnswer, OnToken, Request, refuse_tunings
from tutelage.infer.cache import bytes_a_token, memory_budget
from tutelage.infer.decoder import ROWS
from tutelage.infer.options import DecodeOptions
from tutelage.infer.sampling import Sampler
from tutelage.infer.sources import ROW, Kept, read_sources, rows_of
from tutelage.infer.step_logits import step_logits
from tutelage.infer.weight_layout import laid_out
from tutelage.infer.writing_layout import Slot, WritingLayout
from tutelage.model.attention import using
from tutelage.model.context import context_length
from tutelage.model.families.encoder_decoder import EncoderDecoder


@dataclass(slots=True)
class Writing:
    """An answer being written.

    Attributes:
        place: in the list of requests.
        source: what it is an answer to.
        key: selects its samples.
        limit: most new tokens.
        given: what the decoder is yet to read before it writes.
        slot: what is kept of it, once its source is read.
    """

    place: int
    source: tuple[int, ...]
    key: int
    limit: int
    given: deque[int]
    slot: Slot | None = None
    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    finish_reason: Literal["stop", "length"] | None = None

    def next_token(self) -> int:
        """The token to be read now."""
        return self.given[0] if self.given else self.ids[-1]

    def answer(self) -> Answer:
        """What came of it."""
        assert self.finish_reason is not None
        return Answer(tuple(self.ids), self.finish_reason, tuple(self.log_probabilities))


class Writer:
    """A `Backend` over an encoder-decoder loaded with our attention; prompts are sources.

    Args:
        family: the model's.
        model: the model; whatever its method makes of it at the time of the call.
        opening: what the decoder reads before it writes.
        stop_ids: tokens that end an answer.
        options: how to decode.
        rows: rows of a step; only a chat, which has one sequence, takes fewer than `ROWS`.
    """

    def __init__(
        self,
        family: EncoderDecoder,
        model: PreTrainedModel,
        opening: Sequence[int],
        stop_ids: Collection[int],
        options: DecodeOptions,
        rows: int = ROWS,
    ) -> None:
        self.family = family
        self.model = model
        self.opening = tuple(opening)
        self.stop_ids = frozenset(stop_ids)
        self.options = options
        self.rows = rows
        self.banned = _banned(model)

    @torch.inference_mode()
    def run(
        self,
        requests: Sequence[Request],
        on_token: OnToken | None = None,
        on_answer: OnAnswer | None = None,
    ) -> list[Answer]:
        """Answer every prompt; an answer ends at the latest where the model's context does.

        Args:
            requests: the sources, each of at least one token.
            on_token: told of every new token.
            on_answer: told of every answer as it ends.

        Returns:
            Answers in the order of the requests.

        Raises:
            UserError: a source is longer than the model reads.
            ValueError: a request names a tuning.
        """
        if not requests:
            return []
        refuse_tunings(requests)
        self.model.train(False)
        sampler = Sampler(self.options)
        everything = [self._begun(place, request) for place, request in enumerate(requests)]
        slots = self._slots(everything)
        # The longest first, so that short answers fill the rows beside their ends.
        waiting = deque(
            sorted(everything, key=lambda one: (-one.limit, len(one.source), one.source))
        )
        asked = Counter(one.source for one in everything)
        read: dict[tuple[int, ...], Kept] = {}
        running: dict[int, Writing] = {}
        with laid_out(self.family.backbone(self.model), self.rows):
            while waiting or running:
                running |= self._newcomers(waiting, running, slots, read)
                for first in range(0, slots, self.rows):
                    taken = {s: w for s, w in running.items() if first <= s < first + self.rows}
                    if taken:
                        self._step(taken, first, sampler, on_token)
                for slot, one in list(running.items()):
                    if one.finish_reason is not None:
                        one.slot = None
                        del running[slot]
                        if on_answer is not None:
                            on_answer(one.place, one.answer())
                        asked[one.source] -= 1
                        if not asked[one.source]:
                            del read[one.source]
        return [one.answer() for one in everything]

    def _begun(self, place: int, request: Request) -> Writing:
        context = context_length(self.model)
        if context is not None and len(request.ids) > context:
            raise UserError(
                f"a prompt has {len(request.ids)} tokens, and the model reads at most {context}",
                fix=f"shorten it, or set prompt.max_tokens to at most {context}",
            )
        room = request.max_new_tokens if context is None else context - len(self.opening)
        limit = min(request.max_new_tokens, room)
        return Writing(place, request.ids, request.key, limit, deque(self.opening))

    def _slots(self, everything: Sequence[Writing]) -> int:
        """Sequences at a time: no more than there is memory for what is kept of the longest."""
        most = max(len(one.source) + len(self.opening) + one.limit for one in everything)
        room = memory_budget(self.model.device) // (bytes_a_token(self.family, self.model) * most)
        return max(1, min(self.options.batch_size, len(everything), room))

    def _newcomers(
        self,
        waiting: deque[Writing],
        running: Mapping[int, Writing],
        slots: int,
        read: dict[tuple[int, ...], Kept],
    ) -> dict[int, Writing]:
        """Take waiting sequences for the free slots, once reading their sources is worth a row."""

        def unread(ones: Sequence[Writing]) -> list[tuple[int, ...]]:
            return list(dict.fromkeys(one.source for one in ones if one.source not in read))

        newcomers = admitted(waiting, running, slots, lambda ones: sum(map(len, unread(ones))), ROW)
        for reading in rows_of(unread(list(newcomers.values()))):
            read |= read_sources(self.family, self.model, reading)
        for one in newcomers.values():
            one.slot = Slot(read[one.source], len(self.opening) + one.limit)
        return newcomers

    def _step(
        self, taken: Mapping[int, Writing], first: int, sampler: Sampler, on_token: OnToken | None
    ) -> None:
        """Read the next token of each sequence, and choose one where nothing more is given."""
        places = {slot - first: one for slot, one in taken.items()}
        held = {row: one.slot for row, one in places.items() if one.slot is not None}
        row = torch.zeros(2, self.rows, dtype=torch.int64)
        for at, one in places.items():
            row[0, at], row[1, at] = one.next_token(), held[at].held
        row = row.to(self.model.device)
        # The sources' keys and values are kept; what the layers make of this state is not used.
        unused = torch.zeros(
            1, 1, self.model.config.d_model, dtype=self.model.dtype, device=self.model.device
        )
        longest = max(slot.held for slot in held.values())
        with using(WritingLayout(held)):
            hidden = self.family.hidden_states(
                self.model, row[:1], row[1:], longest, encoder_hidden_states=unused
            )
        for at, one in places.items():
            held[at].held += 1
            if one.given:
                one.given.popleft()
        writing = {at: one for at, one in places.items() if not one.given}
        if writing:
            last = hidden[list(writing)]
            logits = step_logits(self.family, self.model, last, self.rows)
            sampler.extend(list(writing.values()), logits, self.stop_ids, on_token, self.banned)


def _banned(model: PreTrainedModel) -> Tensor | None:
    """Tokens, if any, that the model's own generation settings never write: Marian's padding, say.

    Longer sequences of tokens that settings may forbid are not looked for.
    """
    settings = model.generation_config.to_dict() if model.generation_config else {}
    single = [ids[0] for ids in settings.get("bad_words_ids") or [] if len(ids) == 1]
    banned = [*single, *(settings.get("suppress_tokens") or [])]
    return torch.tensor(banned, device=model.device) if banned else None
