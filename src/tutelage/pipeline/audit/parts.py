"""A dataset cut into parts on disk: what the checks run over, wherever they run.

Rows are read once, in order, into parts of some thousand, stored as Arrow. Memory then depends on
the size of a part and not on the number of rows or files, a part can be examined in any process,
and what a check of the whole wants to see again is one read away.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tutelage.curate.batch import Batch, batch_of
from tutelage.data.example import Example, Message, Source
from tutelage.data.fates import Reason
from tutelage.data.options import SourceOptions
from tutelage.data.reading import Reading, Unread, pending_rows, stream
from tutelage.data.reading import read as read_row
from tutelage.data.rows import BadRow
from tutelage.data.sources import origins
from tutelage.errors import UserError

PART_ROWS = 8192
"""Rows of a part: enough that a check's fixed cost vanishes, few enough for some MiB."""

PART_CHARACTERS = 2**26
"""A part ends early at this much text, however few its rows."""


@dataclass(slots=True)
class Read:
    """What reading a dataset into parts gave.

    Attributes:
        rows: how many could be read.
        files: rows of each file, unreadable ones too, in order.
        unread: what could not be read.
    """

    rows: int = 0
    files: dict[str, int] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)

    def count(self, file: str) -> None:
        """Count a row of a file."""
        self.files[file] = self.files.get(file, 0) + 1


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that follow one another, stored.

    Attributes:
        folder: where all parts lie.
        number: its place among them.
        first: place of its first row in the dataset.
        rows: how many it has.
        content: digest of them.
    """

    folder: Path
    number: int
    first: int
    rows: int
    content: str

    def path(self, kind: str) -> Path:
        """The file that holds its rows, its texts, its findings or a feature."""
        return self.folder / f"{self.number:06d}.{kind}.arrow"

    def batch(self) -> Batch:
        """Its rows and texts."""
        rows, texts = (pl.read_ipc(self.path(kind)) for kind in ("rows", "texts"))
        return Batch(rows, texts, self.first)


def read_parts(
    sources: Iterable[SourceOptions], base: Path, folder: Path, read: Read
) -> Iterator[Part]:
    """Read a dataset into parts, each given out as soon as it is stored.

    Args:
        sources: what to read.
        base: what relative paths start from.
        folder: where the parts are stored.
        read: is filled in as the rows go by.

    Raises:
        UserError: a source names nothing that is there.
    """
    yield from _stored(_counted(stream(sources, base), read), folder)


def read_items(source: SourceOptions, base: Path, folder: Path, read: Read) -> Iterator[Part]:
    """Read an evaluation set into parts; its rows need be no examples, only hold text.

    Where no format explains the rows, all texts of a row together are its instruction: an item is
    recognised by its words, whatever its fields are called.
    """
    yield from _stored(_counted(_items(source, base), read), folder)


def _items(source: SourceOptions, base: Path) -> Iterator[Reading | Unread]:
    for origin in origins(source, base):
        known = False
        try:
            for pending in pending_rows(origin, source):
                known = True
                try:
                    yield read_row(pending, source)
                except BadRow:
                    yield _as_text(pending.source, pending.values)
        except UserError as error:
            if known:  # the file breaks off
                yield Unread(Source(origin.label, -1), error)
                continue
            for number, values in origin.records():
                yield _as_text(Source(origin.label, number), values)


def _as_text(place: Source, values: Mapping[str, Any] | BadRow) -> Reading | Unread:
    """An item by all its texts."""
    if isinstance(values, BadRow):
        return Unread(place, values)
    text = "\n\n".join(value for value in values.values() if isinstance(value, str))
    if not text.strip():
        return Unread(place, BadRow(Reason.EMPTY_FIELD, "row", "no text", "text"))
    return Reading(Example((Message("user", text),), place), values, ())


def _counted(rows: Iterable[Reading | Unread], read: Read) -> Iterator[Reading]:
    for row in rows:
        if isinstance(row, Unread):
            read.unread.append(row)
            if row.source.row >= 0:
                read.count(row.source.file)
            continue
        read.rows += 1
        read.count(row.example.source.file)
        yield row


def _stored(rows: Iterator[Reading], folder: Path) -> Iterator[Part]:
    number, first = 0, 0
    for some in _cut(rows):
        batch = batch_of(some, first)
        stored = {"rows": io.BytesIO(), "texts": io.BytesIO()}
        batch.rows.write_ipc(stored["rows"])
        batch.texts.write_ipc(stored["texts"])
        content = hashlib.sha256(b"".join(table.getbuffer() for table in stored.values()))
        part = Part(folder, number, first, len(some), content.hexdigest()[:16])
        for kind, table in stored.items():
            part.path(kind).write_bytes(table.getbuffer())
        yield part
        number, first = number + 1, first + len(some)


def _cut(rows: Iterator[Reading]) -> Iterator[list[Reading]]:
    some: list[Reading] = []
    characters = 0
    for row in rows:
        some.append(row)
        characters += sum(len(message.content) for message in row.example.messages)
        if len(some) == PART_ROWS or characters >= PART_CHARACTERS:
            yield some
            some, characters = [], 0
    if some:
        yield some
