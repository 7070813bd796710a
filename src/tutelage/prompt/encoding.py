"""Text to token ids, piece by piece, with the control tokens of the data made harmless.

Two rules make training and serving agree on every id. A conversation is encoded in pieces that
end where the assistant begins or stops to speak, so that a prompt has the same ids whether or not
its answer follows. And a control token (`<|im_end|>`) that stands inside a message is encoded as
plain text: only the template opens and closes turns, whatever a row or a user writes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from transformers import PreTrainedTokenizerBase

from tutelage.data.example import Message

# A control token inside a message travels through the template as MARK + its index + MARK.
# The mark is a private-use character, removed from messages beforehand so that none is forged.
MARK = "\ue0f1"


def token_id(tokenizer: PreTrainedTokenizerBase, token: str) -> int:
    """The id of one token of the vocabulary."""
    found = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(found, int)
    return found


class PieceEncoder:
    """Encodes the pieces of a rendered conversation.

    Args:
        tokenizer: any transformers tokenizer; nothing is ever added to what the text says.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.control_tokens = sorted(
            {str(token) for token in tokenizer.all_special_tokens if str(token)},
            key=lambda token: (-len(token), token),
        )
        self.control_ids = frozenset(token_id(tokenizer, token) for token in self.control_tokens)
        pattern = "|".join(map(re.escape, self.control_tokens)) or "(?!)"
        self._control = re.compile(pattern)
        self._marked = re.compile(f"{MARK}([0-9]+){MARK}|{MARK}")
        # SentencePiece puts a space before the first word of a text. A piece that continues one
        # must not get it, so it is encoded behind a newline that is taken off again.
        self._newline = self._encode(["\n"])[0]
        behind_newline, alone = self._encode(["\nword", "word"])
        self._adds_prefix_space = behind_newline[len(self._newline) :] != alone

    def defuse(self, message: Message) -> Message:
        """The message with its control tokens replaced by marks that survive the template."""
        content = self._mark(message.content)
        if content is message.content and not message.tool_calls:
            return message
        return replace(message, content=content, tool_calls=self.defuse_json(message.tool_calls))

    def defuse_json(self, value: Any) -> Any:
        """The same for every string inside tool calls or tool descriptions."""
        if isinstance(value, str):
            return self._mark(value)
        if isinstance(value, dict):
            return {self._mark(key): self.defuse_json(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.defuse_json(item) for item in value)
        return value

    def _mark(self, text: str) -> str:
        if MARK in text:
            text = text.replace(MARK, "")
        if not self._control.search(text):
            return text
        return self._control.sub(
            lambda found: f"{MARK}{self.control_tokens.index(found[0])}{MARK}", text
        )

    def restore(self, text: str) -> str:
        """Rendered text with the marks turned back into what the message said."""
        if MARK not in text:
            return text
        return self._marked.sub(
            lambda found: self.control_tokens[int(found[1])] if found[1] else "", text
        )

    def encode(self, pieces: Sequence[str], begins: Sequence[bool]) -> list[list[int]]:
        """Token ids of each piece.

        Args:
            pieces: rendered texts, marks and all.
            begins: whether a piece begins its conversation (else it continues one).
        """
        plain = [
            f"\n{piece}" if self._adds_prefix_space and not begin and MARK not in piece else piece
            for piece, begin in zip(pieces, begins, strict=True)
        ]
        encoded = self._encode([piece if MARK not in piece else "" for piece in plain])
        for index, piece in enumerate(pieces):
            if MARK in piece:
                encoded[index] = self._encode_marked(piece, begins[index])
            elif plain[index] is not piece:
                encoded[index] = self._without_newline(encoded[index], piece)
        return encoded

    def _encode(self, texts: Sequence[str], *, as_text: bool = False) -> list[list[int]]:
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(
            list(texts),
            add_special_tokens=False,
            split_special_tokens=as_text,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        return ids

    def _without_newline(self, ids: list[int], piece: str) -> list[int]:
        length = len(self._newline)
        return ids[length:] if ids[:length] == self._newline else self._encode([piece])[0]

    def _encode_marked(self, piece: str, begins: bool) -> list[int]:
        """Encode a piece with marks: what they stand for as plain text, the rest as usual."""
        ids: list[int] = []
        last = 0
        for found in [*self._marked.finditer(piece), None]:
            end = len(piece) if found is None else found.start()
            if between := piece[last:end]:
                ids += self.encode([between], [begins and not ids])[0]
            if found is None:
                break
            if found[1]:
                ids += self._as_text(self.control_tokens[int(found[1])])
            last = found.end()
        return ids

    def _as_text(self, token: str) -> list[int]:
        """A control token's characters as ordinary tokens, never the token itself."""
        ids = self._encode([f"\n{token}"], as_text=True)[0]
        length = len(self._newline)
        ids = ids[length:] if ids[:length] == self._newline else ids
        if self.control_ids.isdisjoint(ids):
            return ids
        # A vocabulary that spells the token as one piece (`</s>` in some): spell it by characters.
        spelled = self._encode(list(token), as_text=True)
        return [id_ for part in spelled for id_ in part if id_ not in self.control_ids]
