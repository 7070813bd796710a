"""Fenced blocks of Markdown: which language they name, what they hold, where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_FENCE = re.compile(r"^[ \t>]*(```+|~~~+)[ \t]*([^\s`]*)[^\n`]*$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        language: what its opening line names, in lower case; "" where it names none.
        code: what stands between the fences.
        start: first character of the code in the text.
        end: behind its last one.
        closed: whether it has a closing fence.
    """

    language: str
    code: str
    start: int
    end: int
    closed: bool


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a text, in order; the last may lack its closing fence."""
    opening: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opening is None:
            opening = fence
        elif fence[1].startswith(opening[1]) and not fence[2]:
            start, end = opening.end() + 1, fence.start()
            yield Block(opening[2].lower(), text[start:end], start, end, True)
            opening = None
    if opening is not None:
        start = min(opening.end() + 1, len(text))
        yield Block(opening[2].lower(), text[start:], start, len(text), False)
