"""The form of decoder-only models: a conversation is one text, in which some turns are learned.

What is learned is found by position, never by token id: the template is rendered up to the point
where the assistant is to speak and again with its words, and the difference is what it has to
learn, up to and including the token that ends its turn (padding may share that token's id; nothing
here looks at ids to decide what counts).

Some templates rewrite history: they drop the thinking of earlier turns, or close the last turn
otherwise than the ones before. There one sequence cannot stand for what serving would see at each
turn, so the conversation becomes one sequence for each turn, every one of them exactly as served.
Token trees store their shared beginnings once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.prompt.answer import AnswerForm, until_stop
from tutelage.prompt.encoding import PieceEncoder, token_id
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.pieces import Piece
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.template import ChatTemplate, TemplateRefused, choose_template
from tutelage.prompt.turn import probe_turn, spoken


class Dialogue:
    """A `Form`; see there for what each member gives.

    Args:
        tokenizer: the base model's.
        options: the file of a chat template in place of the tokenizer's own, if there is one.

    Raises:
        UserError: the template cannot be read, fails on the simplest conversation, or leaves the
            assistant's turn without an end.
    """

    opening = ()
    blank = None
    fingerprint = "dialogue"

    def __init__(self, tokenizer: PreTrainedTokenizerBase, options: PromptOptions) -> None:
        self.tokenizer = tokenizer
        self.template: ChatTemplate = choose_template(tokenizer, options.template)
        self.encoder = PieceEncoder(tokenizer, self.template.sources)
        self._form = probe_turn(self.template, self.encoder.control_tokens, self.template.place)
        if not self.closes_turns and tokenizer.eos_token_id is None:
            raise UserError(
                "nothing ends the assistant's turn: the template has no control token there "
                "and the tokenizer no end-of-sequence token",
                where=self.template.place,
                fix="give a template that ends the turn in prompt.template",
            )
        self._refuse_doubled_bos()
        self.stop_ids = self._stop_ids()
        self._answer_form = self._decoded_form()

    @property
    def closes_turns(self) -> bool:
        """Whether the template itself ends the assistant's turn with a control token."""
        return bool(self._form.stop)

    # From messages to pieces

    def learned(
        self,
        conversation: list[Message],
        tools: Sequence[dict[str, Any]],
        supervised: frozenset[int],
    ) -> list[list[Piece]]:
        """The sequences in which some of the assistant's turns are learned."""
        sequences = self._walk(conversation, tools, supervised, open_end=False)
        return [sequence for sequence in sequences if any(piece.supervised for piece in sequence)]

    def asked(self, conversation: list[Message], tools: Sequence[dict[str, Any]]) -> list[Piece]:
        """The text after which the assistant speaks."""
        return self._walk(conversation, tools, supervised=frozenset(), open_end=True)[-1]

    def _walk(
        self,
        conversation: list[Message],
        tools: Sequence[dict[str, Any]],
        supervised: frozenset[int],
        *,
        open_end: bool,
    ) -> list[list[Piece]]:
        """Cut a conversation where the assistant begins and ends to speak.

        A new sequence begins wherever the template's next prompt does not continue what came
        before it word for word.

        Args:
            conversation: the turns, made harmless.
            tools: descriptions of the tools it may call.
            supervised: positions of the assistant turns that count in the loss.
            open_end: end with the prompt for a turn that is still to be spoken.
        """
        tools = self.encoder.defuse_tools(tools)
        sequences: list[list[Piece]] = []
        so_far: str | None = None  # the text of the current sequence
        turns = [at for at, message in enumerate(conversation) if message.role == "assistant"]
        for at in [*turns, len(conversation)] if open_end else turns:
            prompt = self.template.render(conversation[:at], generation_prompt=True, tools=tools)
            if so_far is not None and prompt.startswith(so_far):
                sequences[-1].append(Piece(prompt[len(so_far) :]))
            else:
                sequences.append([Piece(prompt, begins=True)])
            if at == len(conversation):
                break
            turns_so_far = conversation[: at + 1]
            whole = self.template.render(turns_so_far, generation_prompt=False, tools=tools)
            try:
                words, closed = spoken(self.template, self._form, turns_so_far, whole, prompt)
            except TemplateRefused:
                if at in supervised:
                    raise
                so_far = None  # not fit to be learned, but it may be history
                continue
            if not closed and self.tokenizer.eos_token_id is None:
                raise TemplateRefused("nothing ends one of its turns")
            sequences[-1].append(Piece(words, supervised=at in supervised, closed=closed))
            so_far = prompt + words if closed else None
        return sequences

    # From pieces to ids, and back

    def encode(self, pieces: list[Piece]) -> list[list[int]]:
        """Ids of each piece."""
        return self.encoder.encode([p.text for p in pieces], [p.begins for p in pieces])

    def sequence(self, pieces: list[Piece], ids: list[list[int]]) -> Rendered:
        """The pieces' ids one after the other."""
        parts = self._closed(pieces, ids)
        weights = np.repeat(
            np.array([piece.supervised for piece in pieces], dtype=np.float32),
            [len(part) for part in parts],
        )
        weights[:1] = 0.0
        return Rendered(
            np.array(list(chain.from_iterable(parts)), dtype=np.int32),
            weights,
            stop_trained=pieces[-1].supervised,
        )

    def prompt_ids(self, pieces: list[Piece], ids: list[list[int]]) -> list[int]:
        """The pieces' ids one after the other."""
        return list(chain.from_iterable(self._closed(pieces, ids)))

    def _closed(self, pieces: list[Piece], ids: list[list[int]]) -> list[list[int]]:
        """The ids with an end-of-sequence token where a piece has no end of its own."""
        return [
            part if piece.closed else [*part, self.tokenizer.eos_token_id]
            for piece, part in zip(pieces, ids, strict=True)
        ]

    def answer(self, ids: Sequence[int]) -> str:
        """What generated ids say: up to the first stop token, without what the template adds,
        thinking between `<think>` and `</think>`.
        """
        said = until_stop(ids, self.stop_ids)
        text = self.encoder.decode_marked(said)
        ended = len(said) < len(ids)
        return self.encoder.without_marks(self._answer_form.said(text, ended=ended))

    # What the template does

    def _stop_ids(self) -> frozenset[int]:
        """Ids that end an answer: the template's own stop token and the end of the sequence."""
        stops: set[int] = set()
        if self._form.stop:
            token = self._form.control.findall(self._form.stop)[-1]
            stops.add(token_id(self.tokenizer, token))
        if self.tokenizer.eos_token_id is not None:
            stops.add(self.tokenizer.eos_token_id)
        return frozenset(stops)

    def _decoded_form(self) -> AnswerForm:
        """What surrounds an answer, as it comes back from its ids."""
        form = self._form
        last = [found.start() for found in form.control.finditer(form.stop)][-1:]
        parts = [form.lead, *form.thought, form.stop[: last[0]] if last else ""]
        behind = [piece for part in parts for piece in ("x", part)]
        ids = self.encoder.encode(behind, [True, False] * len(parts))[1::2]
        return AnswerForm(*map(self.encoder.decode_marked, ids))

    def _refuse_doubled_bos(self) -> None:
        pieces = self.asked([Message("user", "Which one?")], ())
        ids = self.prompt_ids(pieces, self.encode(pieces))
        bos = self.tokenizer.bos_token_id
        if bos is not None and ids[:2] == [bos, bos]:
            raise UserError(
                f"the chat template writes '{self.tokenizer.bos_token}' twice at the beginning",
                where=self.template.place,
                fix="write {{ bos_token }} once and nothing else before the first turn",
            )
