"""What is read and what reading gives: the file, the record, and the origin of records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from tutelage.data.fates import Reason
from tutelage.data.rows import BadRow, shown

COMPRESSED = (".gz", ".zst")
SUFFIXES = (
    ".json",
    ".jsonl",
    ".ndjson",
    ".csv",
    ".tsv",
    ".parquet",
    ".conll",
    ".bio",
    ".iob",
    ".iob2",
)

_SPLITS = "train|training|validation|valid|val|dev|test|eval"
_SHARD = re.compile(r"-\d{4,}-of-\d{4,}$")
_SPLIT_AT_END = re.compile(rf"[._-]({_SPLITS})$", re.IGNORECASE)
_SPLIT_ALONE = re.compile(rf"({_SPLITS})$", re.IGNORECASE)


class File(NamedTuple):
    """One file to read.

    Attributes:
        label: what messages and the ledger call it.
        path: where it is.
    """

    label: str
    path: Path

    @property
    def suffix(self) -> str:
        """The lower-case suffix under any compression suffix, such as `.jsonl`."""
        name = PurePosixPath(self.path.name.lower())
        return PurePosixPath(name.stem).suffix if name.suffix in COMPRESSED else name.suffix

    @property
    def task(self) -> str:
        """The task its rows belong to unless they say otherwise: the file's name.

        Suffixes, shard numbers and a split's name at the end are no part of it
        (`dialogsum.dev.jsonl` is `dialogsum`); a file named by its split alone takes the name of
        its folder (`gsm8k/train.jsonl` is `gsm8k`).
        """
        stem = self.path.name
        while PurePosixPath(stem).suffix.lower() in (*COMPRESSED, *SUFFIXES):
            stem = PurePosixPath(stem).stem
        stem = _SHARD.sub("", stem)
        if _SPLIT_ALONE.match(stem):
            return self.path.resolve().parent.name or stem
        return _SPLIT_AT_END.sub("", stem)


class Record(NamedTuple):
    """One row as it stands in its file, or what is wrong with it.

    Attributes:
        number: 0-based place in the file (in JSON Lines, the line; a blank line has no record).
        values: its named fields, or the defect that kept it from being read.
    """

    number: int
    values: Mapping[str, Any] | BadRow


def record(number: int, value: Any) -> Record:
    """The record of a value that should be an object."""
    if isinstance(value, Mapping):
        return Record(number, value)
    defect = BadRow(Reason.NOT_A_ROW, "row", shown(value), "an object with named fields")
    return Record(number, defect)


class Origin(NamedTuple):
    """One file or hub dataset of a source.

    Attributes:
        label: what messages and the ledger call it.
        task: the task its rows belong to unless they say otherwise.
        records: reads it from the start.
    """

    label: str
    task: str
    records: Callable[[], Iterator[Record]]
