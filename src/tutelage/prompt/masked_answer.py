"""The form of masked language models: the conversation as text, and places for the answer.

    [CLS] instruction, options, question … Answer: [MASK] … [MASK] [SEP]

There are always the same number of places: `prompt.answer_tokens`, and one for the token that ends
the answer (the tokenizer's separator). So nothing about an answer can be told from its prompt, and
training and inference see the same text. Each place is learned as what stands there in the answer,
through the token that ends it; the places behind it count nowhere. All places are predicted from
the text alone, at once, as in the training of pattern-exploiting training (Schick and Schütze
2021b, section 3.1), which takes as many masks as its longest verbaliser; a single place is the
generative classification of Clavié et al. (2025). An answer with more tokens has no room: it is set
aside and counted, since these models cannot write long text.

An earlier turn of the assistant is text like any other's, and each turn that is learned is a
sequence of its own, since nothing of what follows may be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.prompt.answer import until_stop
from tutelage.prompt.encoding import PieceEncoder
from tutelage.prompt.form import AnswerTooLong
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.pieces import Piece
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.template import ChatTemplate, choose_template
from tutelage.prompt.turn import probe_turn, spoken

TEMPLATE = """\
{%- for message in messages %}
{%- if message['role'] == 'assistant' %}Answer: {{ message['content'] }}

{% elif message['role'] in ['system', 'user'] %}{{ message['content'] }}

{% else %}{{ message['role'] | capitalize }}: {{ message['content'] }}

{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}Answer:{% endif %}"""
"""For tokenizers without a template, as those of masked models are. It writes no control token:
what stands at the beginning and the end of the text is the form's."""


class MaskedAnswer:
    """A `Form`; see there for what each member gives.

    Args:
        tokenizer: the base model's.
        options: the file of a chat template, if there is one, and `answer_tokens`.

    Raises:
        UserError: the template cannot be read or fails on the simplest conversation, or the
            tokenizer has no mask.
    """

    opening = ()

    def __init__(self, tokenizer: PreTrainedTokenizerBase, options: PromptOptions) -> None:
        self.tokenizer = tokenizer
        self.template: ChatTemplate = choose_template(tokenizer, options.template, TEMPLATE)
        self.encoder = PieceEncoder(tokenizer, self.template.sources)
        self._turn = probe_turn(self.template, self.encoder.control_tokens, self.template.place)
        self.places = options.answer_tokens + 1
        self.blank = _required(tokenizer, tokenizer.mask_token_id, "mask")
        self._begin = _required(tokenizer, tokenizer.cls_token_id, "beginning")
        self._end = _required(tokenizer, tokenizer.sep_token_id, "separator")
        self.stop_ids = frozenset([self._end])
        self.fingerprint = f"masked {self.blank} {self._begin} {self._end}"

    @property
    def closes_turns(self) -> bool:
        """Whether the template itself ends the assistant's turn with a control token."""
        return bool(self._turn.stop)

    # From messages to pieces

    def learned(
        self,
        conversation: list[Message],
        tools: Sequence[dict[str, Any]],
        supervised: frozenset[int],
    ) -> list[list[Piece]]:
        """For each learned turn its prompt and its words."""
        tools = self.encoder.defuse_tools(tools)
        sequences = []
        for at in sorted(supervised):
            prompt = self.template.render(conversation[:at], generation_prompt=True, tools=tools)
            turns = conversation[: at + 1]
            whole = self.template.render(turns, generation_prompt=False, tools=tools)
            words, _ = spoken(self.template, self._turn, turns, whole, prompt)
            words = words.removesuffix(self._turn.stop)
            sequences.append([Piece(prompt, begins=True), Piece(words, supervised=True)])
        return sequences

    def asked(self, conversation: list[Message], tools: Sequence[dict[str, Any]]) -> list[Piece]:
        """The text before the places."""
        tools = self.encoder.defuse_tools(tools)
        return [
            Piece(self.template.render(conversation, generation_prompt=True, tools=tools), True)
        ]

    # From pieces to ids, and back

    def encode(self, pieces: list[Piece]) -> list[list[int]]:
        """Ids of each piece."""
        return self.encoder.encode([p.text for p in pieces], [p.begins for p in pieces])

    def sequence(self, pieces: list[Piece], ids: list[list[int]]) -> Rendered:
        """The prompt with its places, and the answer to stand there.

        Raises:
            AnswerTooLong: there are too few places.
        """
        prompt, words = ids
        if len(words) >= self.places:
            raise AnswerTooLong(
                f"the answer has {len(words)} tokens, and prompt.answer_tokens is {self.places - 1}"
            )
        row = np.array(self.prompt_ids(pieces[:1], [prompt]), dtype=np.int32)
        answer = [*words, self._end]
        first = len(row) - 1 - self.places
        labels, weights = row.copy(), np.zeros(len(row), dtype=np.float32)
        labels[first : first + len(answer)] = answer
        weights[first : first + len(answer)] = 1.0
        return Rendered(row, weights, stop_trained=True, labels=labels)

    def prompt_ids(self, pieces: list[Piece], ids: list[list[int]]) -> list[int]:
        """The text with its places."""
        (prompt,) = ids
        return [self._begin, *prompt, *[self.blank] * self.places, self._end]

    def answer(self, ids: Sequence[int]) -> str:
        """What stands at the places, up to the token that ends the answer."""
        said = self.encoder.decode_marked(until_stop(ids, self.stop_ids))
        return self.encoder.without_marks(said).removeprefix(self._turn.lead)


def _required(tokenizer: PreTrainedTokenizerBase, id_: int | None, name: str) -> int:
    if id_ is None:
        raise UserError(
            f"the tokenizer has no {name} token, so the model cannot be asked for an answer",
            where=f"tokenizer of {tokenizer.name_or_path}",
            fix="name the token in the model's tokenizer_config.json",
        )
    return id_
