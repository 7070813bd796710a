"""Text to token ids, piece by piece, with the control tokens of the data made harmless.

Two rules make training and serving agree on every id. A conversation is encoded in pieces that
end where the assistant begins or stops to speak, so that a prompt has the same ids whether or not
its answer follows. And a control token (`<|im_end|>`) that stands inside a message is encoded as
plain text: only the template opens and closes turns, whatever a row or a user writes.

What counts as a control token follows transformers' `sanitize_control_tokens`: every special token
of the vocabulary (not only the named ones: Qwen2 names neither `<|im_start|>` nor `<|im_end|>`),
and every other added token that the template writes. Tags among the latter (`<think>`) are the
assistant's own language, so in its turns, and only there, they keep their ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from transformers import PreTrainedTokenizerBase

from tutelage.data.example import Message

# A control token inside a message travels through the template as MARK + its index + MARK. The
# mark is a private-use character; one that the message itself contains travels in the same way.
MARK = "\ue0f1"
MARKED = re.compile(f"{MARK}([0-9]+){MARK}|{MARK}")

TAG = re.compile(r"</?\w[\w:.-]*>")
ANCHORS = ("\n", ".")  # behind one of these a text is a continuation


def alternatives(tokens: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds any of the tokens, the longest where several begin; perhaps none."""
    return re.compile("|".join(map(re.escape, sorted(tokens, key=len, reverse=True))) or "(?!)")


def token_id(tokenizer: PreTrainedTokenizerBase, token: str) -> int:
    """The id of one token of the vocabulary."""
    found = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(found, int)
    return found


class PieceEncoder:
    """Encodes the pieces of a rendered conversation.

    Args:
        tokenizer: any transformers tokenizer; nothing is ever added to what the text says.
        templates: the sources of its chat template.
        target: encode answers, for which some tokenizers of translation models have a vocabulary
            of their own.

    Attributes:
        control_tokens: what only the template may write.
        control_ids: their ids.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        templates: Sequence[str] = (),
        *,
        target: bool = False,
    ) -> None:
        self.tokenizer = tokenizer
        self._side = "text_target" if target else "text"
        added = {str(token): token.special for token in tokenizer.added_tokens_decoder.values()}
        added |= {str(token): True for token in tokenizer.all_special_tokens}
        written = "\0".join(templates)
        foreign = {
            token
            for token, special in added.items()
            if special or (token in written and not token.isspace())
        }
        own = {token for token in foreign if not added[token] and TAG.fullmatch(token)}
        self.control_tokens = frozenset(foreign - own)
        self._spelling = {token_id(tokenizer, token): token for token in self.control_tokens}
        self.control_ids = frozenset(self._spelling)
        self._foreign_ids = frozenset(token_id(tokenizer, token) for token in foreign)
        self._defused = [*sorted(foreign), MARK]  # a mark's number is the place in this list
        self._numbers = {token: number for number, token in enumerate(self._defused)}
        self._in_any_turn = alternatives([*self.control_tokens, MARK])
        self._in_others_turns = alternatives([*foreign, MARK])
        # Some tokenizers do not find their own control tokens inside a text: in Llama 2's older
        # files they are normalised, which puts a space before them that the text does not have.
        missed = self._missed(sorted(self.control_tokens))
        self._overlooks = bool(missed)
        self._apart = re.compile(f"({MARKED.pattern})|({alternatives(missed).pattern})")
        # SentencePiece puts a space before the first word of a text. A piece that continues one
        # must not get it, so it is encoded behind an anchor that is taken off again.
        self._anchor_ids = {anchor: self._encode([anchor])[0] for anchor in ANCHORS}
        behind_newline, alone = self._encode(["\nword", "word"])
        self._adds_space = behind_newline[len(self._anchor_ids["\n"]) :] != alone
        greedy = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.rstrip}
        self._after_added = re.compile(
            f"(?:{alternatives(added).pattern})\\Z|(?:{alternatives(greedy).pattern})\\s*\\Z"
        )
        self._space_after_added = self._adds_space and self._puts_space_after_added(missed)

    def _missed(self, tokens: list[str]) -> list[str]:
        ids = self._encode([f"x{token}" for token in tokens])
        return [
            token
            for token, found in zip(tokens, ids, strict=True)
            if token_id(self.tokenizer, token) not in found
        ]

    def _puts_space_after_added(self, missed: Sequence[str]) -> bool:
        found = sorted(self.control_tokens.difference(missed))
        if not found:
            return True
        behind, alone = self._encode([f"{found[0]}word", "word"])
        return behind[1:] == alone

    # Messages, before the template sees them

    def defuse(self, message: Message) -> Message:
        """The message with its control tokens replaced by marks that survive the template."""
        pattern = self._in_any_turn if message.role == "assistant" else self._in_others_turns
        content = self._mark(message.content, pattern)
        if content is message.content and not message.tool_calls and message.name is None:
            return message
        name = None if message.name is None else self._mark(message.name, self._in_others_turns)
        calls = tuple(self._defuse_json(call, pattern) for call in message.tool_calls)
        return replace(message, content=content, tool_calls=calls, name=name)

    def defuse_tools(self, tools: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        """The same for every string inside the descriptions of tools."""
        return tuple(self._defuse_json(tool, self._in_others_turns) for tool in tools)

    def _defuse_json(self, value: Any, pattern: re.Pattern[str]) -> Any:
        """Rebuilt from plain JSON types, so that the template gets hold of nothing else."""
        if value is None or type(value) in (bool, int, float):
            return value
        if isinstance(value, dict):
            return {
                self._mark(str(key), pattern): self._defuse_json(item, pattern)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._defuse_json(item, pattern) for item in value]
        return self._mark(str(value), pattern)

    def mark(self, text: str) -> str:
        """A text of the template with marks in place of its control tokens."""
        return self._mark(text, self._in_any_turn)

    def _mark(self, text: str, pattern: re.Pattern[str]) -> str:
        if not pattern.search(text):
            return text
        return pattern.sub(lambda found: f"{MARK}{self._numbers[found[0]]}{MARK}", text)

    def restore(self, text: str) -> str:
        """Rendered text with the marks turned back into what the message said."""
        if MARK not in text:
            return text
        return MARKED.sub(lambda found: self._defused[int(found[1])] if found[1] else "", text)

    def without_marks(self, text: str) -> str:
        """A text without its marked control tokens."""
        return MARKED.sub("", text)

    def decode_marked(self, ids: Sequence[int]) -> str:
        """The text of ids, its control tokens as marks: never mistaken for their spelling."""
        plain: list[int] = []
        for id_ in ids:
            if token := self._spelling.get(id_):
                plain += self._encode_parts([(self.mark(token), True)])[0]
            else:
                plain.append(id_)
        return str(
            self.tokenizer.decode(
                plain, skip_special_tokens=False, clean_up_tokenization_spaces=False
            )
        )

    # Pieces, after the template

    def encode(self, pieces: Sequence[str], begins: Sequence[bool]) -> list[list[int]]:
        """Token ids of each piece.

        Args:
            pieces: rendered texts, marks and all; a piece continues the one before it …
            begins: … unless it begins its sequence.
        """
        parts: list[tuple[str, bool]] = []  # text to encode, and if it continues one
        plan: list[list[int | None] | None] = []  # for each piece: ready ids, None for a part
        before = ""
        for piece, begin in zip(pieces, begins, strict=True):
            before = "" if begin else before
            if MARK in piece or (self._overlooks and self._apart.search(piece)):
                plan.append(self._plan(piece, before, parts))
            else:
                parts.append((piece, self._continues(before)))
                plan.append(None)
            before = piece or before
        encoded = iter(self._encode_parts(parts))
        return [
            next(encoded)
            if steps is None
            else [id_ for step in steps for id_ in (next(encoded) if step is None else [step])]
            for steps in plan
        ]

    def _plan(self, piece: str, before: str, parts: list[tuple[str, bool]]) -> list[int | None]:
        """Cut a piece at what the tokenizer itself would get wrong: marks and missed tokens."""
        steps: list[int | None] = []
        last = 0
        for found in self._apart.finditer(piece):
            if between := piece[last : found.start()]:
                parts.append((between, self._continues(before)))
                steps.append(None)
                before = between
            if found[2] is not None:
                steps += self._as_text(self._defused[int(found[2])])
            elif found[3] is not None:
                steps.append(token_id(self.tokenizer, found[3]))
            before = found[0]
            last = found.end()
        if rest := piece[last:]:
            parts.append((rest, self._continues(before)))
            steps.append(None)
        return steps

    def _continues(self, before: str) -> bool:
        """Whether a text behind this one must be kept from getting a space of its own."""
        if not self._adds_space or not before:
            return False
        return not (self._space_after_added and self._after_added.search(before))

    def _encode_parts(self, parts: Sequence[tuple[str, bool]]) -> list[list[int]]:
        texts = [f"{ANCHORS[0]}{text}" if continues else text for text, continues in parts]
        ids = self._encode(texts)
        for index, (text, continues) in enumerate(parts):
            if continues:
                ids[index] = self._without_anchor(text, ids[index])
        return ids

    def _without_anchor(self, text: str, ids: list[int]) -> list[int]:
        """Take the anchor off; if it has merged with the text, try the next one."""
        for anchor in ANCHORS:
            taken = self._anchor_ids[anchor]
            if anchor != ANCHORS[0]:
                ids = self._encode([f"{anchor}{text}"])[0]
            if ids[: len(taken)] == taken:
                return ids[len(taken) :]
        return self._encode([text])[0]

    def _as_text(self, token: str) -> list[int]:
        """A token's characters as ordinary tokens, never the token itself."""
        anchor = ANCHORS[0]
        for spelled in ([token], [token[0], token[1:]], list(token)):
            encoded = self._encode([f"{anchor}{part}" for part in spelled if part], as_text=True)
            ids = [id_ for part in encoded for id_ in part[len(self._anchor_ids[anchor]) :]]
            if self._foreign_ids.isdisjoint(ids):
                return ids
        return [id_ for id_ in ids if id_ not in self._foreign_ids]

    def _encode(self, texts: Sequence[str], *, as_text: bool = False) -> list[list[int]]:
        if not texts:
            return []
        if self.tokenizer.is_fast:
            return self._encode_fast(texts, as_text=as_text)
        ids: list[list[int]] = self.tokenizer(
            **{self._side: list(texts)},
            add_special_tokens=False,
            split_special_tokens=as_text,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        return ids

    def _encode_fast(self, texts: Sequence[str], *, as_text: bool) -> list[list[int]]:
        """What transformers' call gives, without the offsets and masks that take a fifth of it."""
        backend = self.tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = as_text
        return [
            found.ids for found in backend.encode_batch_fast(list(texts), add_special_tokens=False)
        ]
