"""CoNLL columns: a token a line, its tag in the last column, a blank line after a sentence.

A record is a sentence: `tokens`, `tags`, and the entity `types` of the whole file, which the
instruction names. `-DOCSTART-` lines and comments hold no token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tutelage.data.fates import Reason
from tutelage.data.rows import BadRow
from tutelage.data.sources.records import File, Record
from tutelage.data.sources.streams import Line, lines, opened, text
from tutelage.errors import UserError

TAG = re.compile(r"O|[BI]-\S+")


def conll_records(file: File) -> Iterator[Record]:
    """Records of a CoNLL file, one a sentence.

    Raises:
        UserError: the file is empty or not UTF-8.
    """
    with opened(file) as stream:
        sentences = list(_sentences(lines(stream), file))
    if not sentences:
        raise UserError("the file holds no sentence", where=file.label)
    tags = {cells[-1] for sentence in sentences for _, cells in sentence}
    types = sorted({tag[2:] for tag in tags if TAG.fullmatch(tag) and tag != "O"})
    for number, sentence in enumerate(sentences):
        yield _record(number, sentence, types)


def _sentences(content: Iterator[Line], file: File) -> Iterator[list[tuple[int, list[str]]]]:
    """Sentences as lists of line number and cells."""
    sentence: list[tuple[int, list[str]]] = []
    for line in content:
        cells = _cells(text(line, file.label))
        comment = cells and cells[0].startswith("#") and not TAG.fullmatch(cells[-1])
        if not cells and sentence:
            yield sentence
            sentence = []
        elif cells and cells[0] != "-DOCSTART-" and not (comment and not sentence):
            sentence.append((line.number, cells))
    if sentence:
        yield sentence


def _cells(line: str) -> list[str]:
    """The columns of a line, by tab where there is one."""
    return line.strip().split("\t") if "\t" in line.strip() else line.split()


def _record(number: int, sentence: list[tuple[int, list[str]]], types: list[str]) -> Record:
    for line, cells in sentence:
        if len(cells) < 2:
            found = f"one column ({cells[0]!r})"
            expected = "a token and its tag"
            return Record(number, BadRow(Reason.WRONG_COLUMNS, f"line {line}", found, expected))
    tokens = [cells[0] for _, cells in sentence]
    tags = [cells[-1] for _, cells in sentence]
    return Record(number, {"tokens": tokens, "tags": tags, "types": types})
