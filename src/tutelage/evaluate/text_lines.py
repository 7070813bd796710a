"""The lines of a published set's file, each with its place for messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tutelage.data.sources.records import File
from tutelage.data.sources.streams import lines, opened, text
from tutelage.errors import UserError


def text_lines(path: Path, fix: str) -> Iterator[tuple[str, str]]:
    """The lines of a file that are not blank, each with its place.

    Args:
        path: a text file, perhaps compressed.
        fix: what it should be, for messages.

    Raises:
        UserError: it is not UTF-8, or has no such line.
    """
    empty = True
    with opened(File(str(path), path)) as stream:
        for line in lines(stream):
            content = text(line, str(path)).strip()
            if content:
                empty = False
                yield content, f"{path} line {line.number}"
    if empty:
        raise UserError("no rows", where=str(path), fix=fix)
