"""The parts of a response that kinds speak of: words, lines, list items, paragraphs, code.

What counts as a word differs between kinds on purpose: IFEval's own count runs of letters and
digits ("don't" is two), the others count as people and word processors do ("don't" and "well-known"
are one). Everything here takes time in proportion to the text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,9}[.)])[ \t]+(?=\S)")
_NUMBER = re.compile(r"(?<![\w.,])[-−]?\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")
_PARAGRAPH_BREAK = re.compile(r"\n[^\S\n]*\n")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)")


class Code(NamedTuple):
    """A block of code between fences: the first word after the opening fence, and its lines."""

    language: str
    lines: list[str]


def words(text: str) -> list[str]:
    """Stretches between white space that hold a letter or a digit, without marks around them."""
    found = []
    for stretch in text.split():
        places = [place for place, letter in enumerate(stretch) if letter.isalnum()]
        if places:
            found.append(stretch[places[0] : places[-1] + 1])
    return found


def lines(text: str) -> list[str]:
    """The lines that are not blank, without the space around them."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def list_items(text: str) -> list[str]:
    """What stands behind the marks of a list: `-`, `*`, `+`, `•`, `1.` or `1)`, and a space."""
    found = ((line, _ITEM.match(line)) for line in text.split("\n"))
    items = [line[mark.end() :].strip() for line, mark in found if mark]
    return [item for item in items if set(item) - set("-* ")]  # "* * *" is a rule, not a list


def entries(text: str) -> list[str]:
    """The items of the list in a text; where it has none, its lines."""
    return list_items(text) or lines(text)


def paragraphs(text: str) -> list[str]:
    """The stretches between blank lines."""
    return [part.strip() for part in _PARAGRAPH_BREAK.split(text) if part.strip()]


def numbers(text: str) -> list[float]:
    """Numbers in digits: `1,000`, `-2.5`; digits inside a word are none."""
    return [float(found[0].replace(",", "").replace("−", "-")) for found in _NUMBER.finditer(text)]


def prose_and_code(text: str) -> tuple[list[str], list[Code]]:
    """The lines outside of fenced code, and the blocks; what follows an open fence is neither."""
    prose: list[str] = []
    blocks: list[Code] = []
    fence, block = "", Code("", [])
    for line in text.split("\n"):
        mark = _FENCE.fullmatch(line.rstrip())
        if not fence and mark:
            fence, block = mark[1], Code((mark[2].split() or [""])[0], [])
        elif not fence:
            prose.append(line)
        elif mark and mark[1].startswith(fence) and not mark[2].strip():
            blocks.append(block)
            fence = ""
        else:
            block.lines.append(line)
    return prose, blocks


def bare(text: str, *languages: str) -> str:
    """A response that is one fenced block, without its fence; any other as it is.

    Args:
        text: the response.
        languages: names that the fence may carry; it may carry none.
    """
    prose, blocks = prose_and_code(text.strip())
    if len(blocks) == 1 and not any(prose) and blocks[0].language.lower() in {"", *languages}:
        return "\n".join(blocks[0].lines).strip()
    return text.strip()
