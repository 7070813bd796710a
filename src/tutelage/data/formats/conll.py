"""Sentences with entity tags (CoNLL columns; `tokens` and `tags` in JSON): tag every token.

The prompt names the file's entity types and gives the tokens between spaces; the response is one
IOB2 tag a token between spaces. Tags of the older IOB1, where an entity may open with `I-`, are
rewritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tutelage.data.conversation import assistant, joined, user
from tutelage.data.fates import Reason
from tutelage.data.format import FORMATS, Draft, Format
from tutelage.data.options import SourceOptions
from tutelage.data.rows import BadRow, Row, wrong
from tutelage.data.sources.conll import TAG

INSTRUCTION = (
    "Tag every token of the text: B-TYPE where an entity begins, I-TYPE where it goes on, O "
    "outside entities. Answer with the tags only, one a token, separated by spaces."
)


def read(row: Row, options: SourceOptions) -> Draft:
    """Read one sentence; the source's instruction stands in place of ours."""
    field = "tags" if row.get("tags") is not None else "ner_tags"
    tokens = [_word(row, token, "tokens") for token in _listed(row, "tokens")]
    tags = [_tag(tag, f"{field}[{i}]") for i, tag in enumerate(_listed(row, field))]
    if len(tags) != len(tokens):
        raise BadRow(Reason.WRONG_VALUE, field, f"{len(tags)} tags", f"{len(tokens)}, one a token")
    iob2 = _iob2(tags)
    if iob2 != tags:
        row.note(Reason.TAGS_TO_IOB2, field)
    instruction = options.instruction or _instruction(row)
    return Draft((user(joined(instruction, " ".join(tokens))), assistant(" ".join(iob2))))


def _instruction(row: Row) -> str:
    if not row.get("types"):
        return INSTRUCTION
    types = [row.as_text(name, "types") for name in _listed(row, "types")]
    return f"{INSTRUCTION} Types: {', '.join(types)}."


def _listed(row: Row, field: str) -> Sequence[Any]:
    value = row.get(field)
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise wrong(field, value, "a list with one item a token")
    return value


def _word(row: Row, token: Any, field: str) -> str:
    """A token without white space inside, which would make two of one."""
    word = row.as_text(token, field)
    if word.split() != [word]:
        raise wrong(field, token, "a token without white space")
    return word


def _tag(tag: Any, field: str) -> str:
    if not isinstance(tag, str) or not TAG.fullmatch(tag):
        fix = "write the names of the tags, not their numbers" if isinstance(tag, int) else None
        raise wrong(field, tag, "O, B-TYPE or I-TYPE", fix)
    return tag


def _iob2(tags: list[str]) -> list[str]:
    """The tags with every entity opened by `B-`."""
    return [
        "B" + tag[1:] if tag[0] == "I" and before[2:] != tag[2:] else tag
        for before, tag in pairwise(["O", *tags])
    ]


FORMATS.register("conll")(
    Format("conll", (frozenset({"tokens", "tags"}), frozenset({"tokens", "ner_tags"})), read)
)
