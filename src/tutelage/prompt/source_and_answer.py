"""The form of encoder-decoders: the encoder reads the conversation so far, the decoder the answer.

    encoder   conversation </s>
    decoder   start, answer </s>

Both sides end, and begin, as the tokenizer's own call ends and begins them: T5 and Marian close
with the end of the sequence, BART also opens with its beginning, mBART-50 opens with a language.
What stands before an answer (the decoder's start token, then what the tokenizer opens a target
with) is given, not learned, and decoding starts from the same ids; a language that the model's
generation settings force there must be the one that the tokenizer writes.

These tokenizers have no chat template. The default below writes a lone question as it is, as
translation and summarisation models were trained, and gives turns their speaker's name where there
are several. Each learned turn is a sequence of its own: its source ends before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from transformers import PreTrainedTokenizerBase

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.prompt.answer import until_stop
from tutelage.prompt.encoding import PieceEncoder
from tutelage.prompt.form import Form
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.pieces import Piece
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.template import ChatTemplate, TemplateRefused, choose_template

TEMPLATE = """\
{%- set said = messages | rejectattr('role', 'equalto', 'system') | list %}
{%- for message in messages %}
{%- if message['role'] == 'system' or said | length == 1 %}{{ message['content'] }}
{%- else %}{{ message['role'] | capitalize }}: {{ message['content'] }}
{%- endif %}
{%- if not loop.last %}{{ '\\n\\n' }}{% endif %}
{%- endfor %}"""
"""For tokenizers without a template. No word stands for the answer to come: the decoder's start
token does."""

SETTING = "generation_config.json"
WORD = "word"


@dataclass(frozen=True)
class Frame:
    """Ids that the tokenizer puts around a text.

    Attributes:
        head: before it.
        tail: behind it.
    """

    head: tuple[int, ...]
    tail: tuple[int, ...]


@dataclass(frozen=True)
class DecoderStart:
    """How a model's decoder begins, by its own settings.

    Attributes:
        token: its first token.
        forced: the token that generation must begin with, or None.
    """

    token: int
    forced: int | None

    def form(self, tokenizer: PreTrainedTokenizerBase, options: PromptOptions) -> Form:
        """The form of a model whose decoder begins so."""
        return SourceAndAnswer(tokenizer, options, self)


class SourceAndAnswer:
    """A `Form`; see there for what each member gives.

    Args:
        tokenizer: the base model's.
        options: the file of a chat template, if there is one.
        start: how the model's decoder begins.

    Raises:
        UserError: the template cannot be read or fails on the simplest conversation, the
            tokenizer has no end of the sequence, or does not open a target as the model must.
    """

    blank = None
    closes_turns = True

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, options: PromptOptions, start: DecoderStart
    ) -> None:
        self.tokenizer = tokenizer
        self.template: ChatTemplate = choose_template(tokenizer, options.template, TEMPLATE)
        self.encoder = PieceEncoder(tokenizer, self.template.sources)
        self._answers = PieceEncoder(tokenizer, self.template.sources, target=True)
        if tokenizer.eos_token_id is None:
            raise UserError(
                "the tokenizer has no end-of-sequence token, so nothing would end an answer",
                where="model.base",
                fix="choose another model",
            )
        self.end: int = tokenizer.eos_token_id
        self.stop_ids = frozenset([self.end])
        self._source = _frame(tokenizer, "text")
        head = _frame(tokenizer, "text_target").head
        self.opening = (start.token, *_opened(head, start.forced))
        self.fingerprint = f"source and answer {self._source} {self.opening} {self.end}"

    # From messages to pieces

    def learned(
        self,
        conversation: list[Message],
        tools: Sequence[dict[str, Any]],
        supervised: frozenset[int],
    ) -> list[list[Piece]]:
        """For each learned turn what was said before it, and its words."""
        sequences = []
        for at in sorted(supervised):
            if conversation[at].tool_calls:
                raise TemplateRefused("an encoder-decoder has no form for the assistant's calls")
            words = Piece(conversation[at].content, begins=True, supervised=True)
            sequences.append([*self.asked(conversation[:at], tools), words])
        return sequences

    def asked(self, conversation: list[Message], tools: Sequence[dict[str, Any]]) -> list[Piece]:
        """The conversation so far."""
        if not conversation:
            raise TemplateRefused("nothing is said before the assistant speaks")
        tools = self.encoder.defuse_tools(tools)
        text = self.template.render(conversation, generation_prompt=True, tools=tools)
        return [Piece(text, begins=True)]

    # From pieces to ids, and back

    def encode(self, pieces: list[Piece]) -> list[list[int]]:
        """Ids of each piece; some tokenizers have another vocabulary for answers."""
        sides = []
        for encoder, answers in ((self.encoder, False), (self._answers, True)):
            texts = [piece.text for piece in pieces if piece.supervised is answers]
            sides.append(iter(encoder.encode(texts, [True] * len(texts))))
        return [next(sides[piece.supervised]) for piece in pieces]

    def sequence(self, pieces: list[Piece], ids: list[list[int]]) -> Rendered:
        """The source, and the answer behind the decoder's opening."""
        asked, words = ids
        row = [*self.opening, *words, self.end]
        weights = np.zeros(len(row), dtype=np.float32)
        weights[len(self.opening) :] = 1.0
        source = np.array(self.prompt_ids(pieces[:1], [asked]), dtype=np.int32)
        return Rendered(np.array(row, dtype=np.int32), weights, stop_trained=True, source=source)

    def prompt_ids(self, pieces: list[Piece], ids: list[list[int]]) -> list[int]:
        """What the encoder reads."""
        (asked,) = ids
        return [*self._source.head, *asked, *self._source.tail]

    def answer(self, ids: Sequence[int]) -> str:
        """What the decoder wrote behind its opening."""
        said = self._answers.decode_marked(until_stop(ids, self.stop_ids))
        return self._answers.without_marks(said).strip()


def _frame(tokenizer: PreTrainedTokenizerBase, side: Literal["text", "text_target"]) -> Frame:
    """What the tokenizer's own call puts around a text."""
    plain, whole = (
        list(tokenizer(**{side: WORD}, add_special_tokens=special)["input_ids"])
        for special in (False, True)
    )
    for at in range(len(whole) - len(plain) + 1):
        if whole[at : at + len(plain)] == plain:
            return Frame(tuple(whole[:at]), tuple(whole[at + len(plain) :]))
    raise UserError(
        "the tokenizer's special tokens change the text between them",
        where=f"tokenizer of {tokenizer.name_or_path}",
        fix="choose another model",
    )


def _opened(head: tuple[int, ...], forced: int | None) -> tuple[int, ...]:
    """What stands between the decoder's start token and an answer.

    Raises:
        UserError: the tokenizer opens a target otherwise than generation must begin.
    """
    if forced is None or head == (forced,):
        return head
    if head:
        raise UserError(
            f"generation must begin with token {forced}, and the tokenizer begins an answer with "
            f"{list(head)}",
            where=f"forced_bos_token_id in {SETTING}",
            fix="set the tokenizer's target language and forced_bos_token_id to the same one",
        )
    return (forced,)
