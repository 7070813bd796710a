"""The one renderer: conversations to token ids with a loss weight for each token.

Training, evaluation, chat and export call it, so that a prompt has the same ids everywhere. It
takes examples through the same steps whatever the model: the recipe's system prompt, which turns
are learned, control tokens of the data made harmless, the length limit, and what became of each
example. What the model reads of a conversation is its form's to say (`form`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from transformers import PreTrainedTokenizerBase

from tutelage.data.example import Example, Message
from tutelage.data.fates import Fate, Reason
from tutelage.prompt.dialogue import Dialogue
from tutelage.prompt.encoding import PieceEncoder
from tutelage.prompt.form import AnswerTooLong, MakeForm
from tutelage.prompt.length import held_to_limit
from tutelage.prompt.negatives import Negatives, contrasted
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.pieces import Piece, in_blocks
from tutelage.prompt.rendered import Rendered, Rendering
from tutelage.prompt.system import with_system
from tutelage.prompt.template import QUESTION, ChatTemplate, TemplateRefused

__all__ = ["Rendered", "Renderer", "Rendering"]


class Renderer:
    """Renders conversations for one tokenizer, template and set of options.

    Args:
        tokenizer: the base model's; its chat template is set to the one in use, so that saving
            the tokenizer saves it.
        options: template, system prompt, what is trained, and the length limit.
        negatives: what training does with undesired responses.
        form: what the model's kind reads of a conversation.

    Raises:
        UserError: the template cannot be read or fails on the simplest conversation.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        options: PromptOptions,
        negatives: Negatives = Negatives.IGNORED,
        form: MakeForm = Dialogue,
    ) -> None:
        self.tokenizer = tokenizer
        self.options = options
        self.negatives = negatives
        self.form = form(tokenizer, options)
        tokenizer.chat_template = self.template.text

    @property
    def template(self) -> ChatTemplate:
        """The chat template in use."""
        return self.form.template

    @property
    def encoder(self) -> PieceEncoder:
        """What makes ids of the conversation's text."""
        return self.form.encoder

    @property
    def stop_ids(self) -> frozenset[int]:
        """Ids that end an answer."""
        return self.form.stop_ids

    @property
    def closes_turns(self) -> bool:
        """Whether the template itself ends the assistant's turn with a control token."""
        return self.form.closes_turns

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
        for example, plan, encoded in in_blocks(examples, self._training_pieces, self.form.encode):
            yield self._finish(example, plan, encoded)

    def prompts(self, examples: Iterable[Example]) -> Iterator[list[int] | TemplateRefused]:
        """The ids of `prompt_ids` for each example's prompt, or the template's refusal."""

        def asked(example: Example) -> list[list[Piece]]:
            return [self._prompt_pieces(example.prompt, example.tools)]

        for _, plan, encoded in in_blocks(examples, asked, self.form.encode):
            if isinstance(plan, str):
                yield TemplateRefused(plan)
            else:
                yield self.form.prompt_ids(plan[0], list(islice(encoded, len(plan[0]))))

    def prompt_ids(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
    ) -> list[int]:
        """The ids after which the assistant speaks: for evaluation, chat and serving.

        Raises:
            TemplateRefused: the template does not accept this conversation.
        """
        prompt = self._prompt_pieces(messages, tools)
        return self.form.prompt_ids(prompt, self.form.encode(prompt))

    def prompt_text(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> str:
        """The rendered text behind `prompt_ids`."""
        prompt = self._prompt_pieces(messages, tools)
        return self.encoder.restore("".join(piece.text for piece in prompt))

    def answer(self, ids: Sequence[int]) -> str:
        """What generated ids say, as data sets write it; see `Form.answer`."""
        return self.form.answer(ids)

    def answer_ids(self, text: str) -> tuple[int, ...]:
        """The ids that an answer is learned as, the one that ends it included.

        Raises:
            AnswerTooLong: it has more tokens than there are places for it.
        """
        turns = [Message("user", QUESTION), Message("assistant", text)]
        pieces = self._spoken_pieces(turns, (), last_only=True)[-1]
        sequence = self.form.sequence(pieces, self.form.encode(pieces))
        return tuple(sequence.predicted[sequence.weights > 0].tolist())

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the ids: vocabulary, template, form and options."""
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
            self.form.fingerprint,
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    # From messages to pieces

    def _conversation(self, messages: Sequence[Message]) -> list[Message]:
        """The conversation with the recipe's system prompt and without live control tokens."""
        if not messages:
            raise TemplateRefused("there is no message")
        conversation = with_system(messages, self.options.system)
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
        return self.form.learned(conversation, tools, frozenset(turns[-1:] if last_only else turns))

    def _prompt_pieces(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]]
    ) -> list[Piece]:
        return self.form.asked(self._conversation(messages), tools)

    # From pieces to ids

    def _finish(
        self, example: Example, plan: list[list[Piece]] | str, encoded: Iterator[list[int]]
    ) -> Rendering:
        """Join the encoded pieces of one example and hold it to the length limit."""
        if isinstance(plan, str):
            return Rendering((), Fate.DROPPED, Reason.TEMPLATE_REFUSED, plan)
        parts = [(pieces, list(islice(encoded, len(pieces)))) for pieces in plan]
        try:
            sequences = [self.form.sequence(pieces, ids) for pieces, ids in parts]
        except AnswerTooLong as error:
            return Rendering((), Fate.DROPPED, Reason.ANSWER_TOO_LONG, str(error))
        if self.negatives is not Negatives.IGNORED:
            first = len(sequences) - len(example.negatives)
            desired, negatives = sequences[:first], sequences[first:]
            return contrasted(example, desired, negatives, self.negatives, self.options)
        if not any(sequence.supervised_tokens for sequence in sequences):
            unanswered = example.response is None
            reason = Reason.NO_RESPONSE if unanswered else Reason.NOTHING_SUPERVISED
            return Rendering((), Fate.DROPPED, reason)
        return held_to_limit(example, sequences, self.options)
