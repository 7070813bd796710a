"""The seam between the renderer and what a kind of model is given.

The renderer knows examples, options and fates; a form knows what the model reads: for a
decoder-only model the conversation as one text in which some turns are learned (`dialogue`), for
an encoder-decoder the conversation so far on one side and the answer on the other
(`source_and_answer`). A family names its form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from transformers import PreTrainedTokenizerBase

from tutelage.data.example import Message
from tutelage.prompt.encoding import PieceEncoder
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.pieces import Piece
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.template import ChatTemplate


class AnswerTooLong(Exception):  # noqa: N818 - it says what happened; callers turn it into a fate
    """A form has no room for an answer of so many tokens."""


class Form(Protocol):
    """What a kind of model reads of a conversation, for one tokenizer and template."""

    @property
    def template(self) -> ChatTemplate:
        """What makes text of a conversation."""
        ...

    @property
    def encoder(self) -> PieceEncoder:
        """What makes ids of the conversation's text."""
        ...

    @property
    def stop_ids(self) -> frozenset[int]:
        """Ids that end an answer."""
        ...

    @property
    def closes_turns(self) -> bool:
        """Whether the template itself ends the assistant's turn with a control token."""
        ...

    @property
    def opening(self) -> tuple[int, ...]:
        """Ids that stand before an answer where it is read apart from its prompt, else none."""
        ...

    @property
    def blank(self) -> int | None:
        """The id that marks a place of the answer inside its prompt, where it has places there."""
        ...

    @property
    def fingerprint(self) -> str:
        """All that decides the ids besides tokenizer, template and options."""
        ...

    def learned(
        self,
        conversation: list[Message],
        tools: Sequence[dict[str, Any]],
        supervised: frozenset[int],
    ) -> list[list[Piece]]:
        """The sequences in which some of the assistant's turns are learned.

        Args:
            conversation: the turns, made harmless.
            tools: descriptions of the tools the assistant may call.
            supervised: positions of the turns that count in the loss.

        Raises:
            TemplateRefused: the template does not accept this conversation.
        """
        ...

    def asked(self, conversation: list[Message], tools: Sequence[dict[str, Any]]) -> list[Piece]:
        """What the model is given to answer; see `learned`."""
        ...

    def encode(self, pieces: list[Piece]) -> list[list[int]]:
        """Ids of each piece, of any number of sequences one after the other."""
        ...

    def sequence(self, pieces: list[Piece], ids: list[list[int]]) -> Rendered:
        """A sequence of `learned` from its pieces and their ids.

        Raises:
            AnswerTooLong: the answer has more tokens than there are places for it.
        """
        ...

    def prompt_ids(self, pieces: list[Piece], ids: list[list[int]]) -> list[int]:
        """The ids of what `asked` gave."""
        ...

    def answer(self, ids: Sequence[int]) -> str:
        """What generated ids say, as data sets write it, up to the first stop token."""
        ...


MakeForm = Callable[[PreTrainedTokenizerBase, PromptOptions], Form]
"""Makes a form for a tokenizer and the renderer's settings."""
