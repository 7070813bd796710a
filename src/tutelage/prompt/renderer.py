"""The one renderer: conversations to token ids with a loss weight for each token.

Training, evaluation, chat and export call it, so that a prompt has the same ids everywhere. What
is trained is found by position, never by token id: the template is rendered up to the point where
the assistant is to speak and again with its words, and the difference is what it has to learn,
up to and including the token that ends its turn (padding may share that token's id; nothing here
looks at ids to decide what counts).

Some templates rewrite history: they drop the thinking of earlier turns, or close the last turn
otherwise than the ones before. There one sequence cannot stand for what serving would see at each
turn, so the conversation becomes one sequence for each turn, every one of them exactly as served.
Token trees store their shared beginnings once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from tutelage.data.example import Example, Message
from tutelage.data.fates import Fate, Reason
from tutelage.errors import UserError
from tutelage.prompt.answer import AnswerForm
from tutelage.prompt.encoding import PieceEncoder, token_id
from tutelage.prompt.length import held_to_limit
from tutelage.prompt.negatives import Negatives, contrasted
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.pieces import Piece, in_blocks
from tutelage.prompt.rendered import Rendered, Rendering
from tutelage.prompt.template import ChatTemplate, TemplateRefused, choose_template
from tutelage.prompt.turn import probe_turn, spoken

__all__ = ["Rendered", "Renderer", "Rendering"]


class Renderer:
    """Renders conversations for one tokenizer, template and set of options.

    Args:
        tokenizer: the base model's; its chat template is set to the one in use, so that saving
            the tokenizer saves it.
        options: template, system prompt, what is trained, and the length limit.
        negatives: what training does with undesired responses.

    Raises:
        UserError: the template cannot be read or fails on the simplest conversation.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        options: PromptOptions,
        negatives: Negatives = Negatives.IGNORED,
    ) -> None:
        self.tokenizer = tokenizer
        self.options = options
        self.negatives = negatives
        self.template: ChatTemplate = choose_template(tokenizer, options.template)
        self.encoder = PieceEncoder(tokenizer, self.template.sources)
        tokenizer.chat_template = self.template.text
        self._form = probe_turn(self.template, self.encoder.control_tokens, self._place())
        if not self.closes_turns and tokenizer.eos_token_id is None:
            raise UserError(
                "nothing ends the assistant's turn: the template has no control token there "
                "and the tokenizer no end-of-sequence token",
                where=self._place(),
                fix="give a template that ends the turn in prompt.template",
            )
        self._refuse_doubled_bos()
        self.stop_ids = self._stop_ids()
        self._answer_form = self._decoded_form()

    # What callers ask for

    def render(self, examples: Sequence[Example]) -> list[Rendering]:
        """Render examples for training; one result an example, in order.

        Raises:
            UserError: an example is over-long and `over_long` is `error`.
        """
        return list(self.renderings(examples))

    def renderings(self, examples: Iterable[Example]) -> Iterator[Rendering]:
        """The same, a block at a time: what is not kept of a million examples takes no memory.

        Raises:
            UserError: an example is over-long and `over_long` is `error`.
        """
        for example, plan, encoded in in_blocks(examples, self._training_pieces, self._encode):
            yield self._finish(example, plan, encoded)

    def prompts(self, examples: Iterable[Example]) -> Iterator[list[int] | TemplateRefused]:
        """The ids of `prompt_ids` for each example's prompt, or the template's refusal."""

        def asked(example: Example) -> list[list[Piece]]:
            return [self._prompt_pieces(example.prompt, example.tools)]

        for _, plan, encoded in in_blocks(examples, asked, self._encode):
            if isinstance(plan, str):
                yield TemplateRefused(plan)
            else:
                yield [id_ for piece in plan[0] for id_ in self._closed(piece, next(encoded))]

    def prompt_ids(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
    ) -> list[int]:
        """The ids after which the assistant speaks: for evaluation, chat and serving.

        Raises:
            TemplateRefused: the template does not accept this conversation.
        """
        prompt = self._prompt_pieces(messages, tools)
        pairs = zip(prompt, self._encode(prompt), strict=True)
        return [id_ for piece, ids in pairs for id_ in self._closed(piece, ids)]

    def prompt_text(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> str:
        """The rendered text behind `prompt_ids`."""
        prompt = self._prompt_pieces(messages, tools)
        return self.encoder.restore("".join(piece.text for piece in prompt))

    def answer(self, ids: Sequence[int]) -> str:
        """What generated ids say, as data sets write it: up to the first stop token, without what
        the template adds, thinking between `<think>` and `</think>`.
        """
        end = next((at for at, id_ in enumerate(ids) if id_ in self.stop_ids), len(ids))
        text = self.encoder.decode_marked(ids[:end])
        return self.encoder.without_marks(self._answer_form.said(text, ended=end < len(ids)))

    @property
    def closes_turns(self) -> bool:
        """Whether the template itself ends the assistant's turn with a control token."""
        return bool(self._form.stop)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the ids: vocabulary, template and options."""
        tokenizer = self.tokenizer
        vocabulary = (
            tokenizer.backend_tokenizer.to_str()
            if tokenizer.is_fast
            else repr((type(tokenizer).__name__, sorted(tokenizer.get_vocab().items())))
        )
        parts = (
            vocabulary,
            repr((self.template.text, self.template.variables)),
            self.options.model_dump_json(exclude={"template"}),  # where it lies does not matter
            self.negatives.value,
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    # From messages to pieces

    def _conversation(self, messages: Sequence[Message]) -> list[Message]:
        """The conversation with the recipe's system prompt and without live control tokens."""
        if not messages:
            raise TemplateRefused("there is no message")
        conversation = list(messages)
        if self.options.system is not None and conversation[0].role != "system":
            conversation.insert(0, Message("system", self.options.system))
        return [self.encoder.defuse(message) for message in conversation]

    def _training_pieces(self, example: Example) -> list[list[Piece]]:
        """What is desired; where negatives are used, then a sequence for each of them."""
        last_only = self.options.loss_on == "last" or self.negatives is Negatives.PAIRED
        if self.negatives is Negatives.IGNORED:
            return self._spoken_pieces(example.messages, example.tools, last_only=last_only)
        sequences: list[list[Piece]] = []
        if example.response is not None:
            sequences += self._spoken_pieces(example.messages, example.tools, last_only=last_only)
        for text in example.negatives:
            messages = (*example.prompt, Message("assistant", text))
            sequences += self._spoken_pieces(messages, example.tools, last_only=True)
        return sequences

    def _spoken_pieces(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], *, last_only: bool
    ) -> list[list[Piece]]:
        """The sequences of a conversation in which assistant turns count in the loss."""
        conversation = self._conversation(messages)
        turns = [at for at, message in enumerate(conversation) if message.role == "assistant"]
        supervised = frozenset(turns[-1:] if last_only else turns)
        sequences = self._walk(conversation, tools, supervised, open_end=False)
        return [sequence for sequence in sequences if any(piece.supervised for piece in sequence)]

    def _prompt_pieces(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]]
    ) -> list[Piece]:
        conversation = self._conversation(messages)
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

    # From pieces to ids

    def _encode(self, pieces: list[Piece]) -> list[list[int]]:
        return self.encoder.encode([p.text for p in pieces], [p.begins for p in pieces])

    def _finish(
        self, example: Example, plan: list[list[Piece]] | str, encoded: Iterator[list[int]]
    ) -> Rendering:
        """Join the encoded pieces of one example and hold it to the length limit."""
        if isinstance(plan, str):
            return Rendering((), Fate.DROPPED, Reason.TEMPLATE_REFUSED, plan)
        sequences = [self._join(pieces, encoded) for pieces in plan]
        if self.negatives is not Negatives.IGNORED:
            first = len(sequences) - len(example.negatives)
            desired, negatives = sequences[:first], sequences[first:]
            return contrasted(example, desired, negatives, self.negatives, self.options)
        if not any(sequence.supervised_tokens for sequence in sequences):
            unanswered = example.response is None
            reason = Reason.NO_RESPONSE if unanswered else Reason.NOTHING_SUPERVISED
            return Rendering((), Fate.DROPPED, reason)
        return held_to_limit(example, sequences, self.options)

    def _join(self, pieces: list[Piece], encoded: Iterator[list[int]]) -> Rendered:
        parts = [self._closed(piece, next(encoded)) for piece in pieces]
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

    def _closed(self, piece: Piece, ids: list[int]) -> list[int]:
        return ids if piece.closed else [*ids, self.tokenizer.eos_token_id]

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
        ids = self.prompt_ids([Message("user", "Which one?")])
        bos = self.tokenizer.bos_token_id
        if bos is not None and ids[:2] == [bos, bos]:
            raise UserError(
                f"the chat template writes '{self.tokenizer.bos_token}' twice at the beginning",
                where=self._place(),
                fix="write {{ bos_token }} once and nothing else before the first turn",
            )

    def _place(self) -> str:
        named = self.template.origin in ("tokenizer", "default")
        return f"chat template ({self.template.origin})" if named else self.template.origin
