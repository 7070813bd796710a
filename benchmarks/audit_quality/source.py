"""What a labelled source is, and which half of the labelled data it is made from."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from labelled import held_back
from tutelage.data.audit_options import AuditOptions
from tutelage.registry import Registry

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "../shared/data"))

Row = Mapping[str, Any]


class MissingDataError(Exception):
    """A public data set is not there."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rows of which it is known which are wrong.

    Attributes:
        check: the check that should find them, of rows or of the whole.
        rows: in one of the formats that training reads.
        wrong: 0-based positions of the rows that should be found.
        unjudged: positions that count neither way, such as rows that were wrong before.
        against: evaluation sets, by name.
        options: the audit's.
        note: what the reader of the figures should know.
    """

    check: str
    rows: Sequence[Row]
    wrong: Collection[int]
    unjudged: Collection[int] = ()
    against: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    options: AuditOptions = field(default_factory=AuditOptions)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Half:
    """One half of every labelled data set."""

    is_held_back: bool

    def has(self, source: str, text: str) -> bool:
        """Whether a piece of labelled data, named by its source and its text, is in this half."""
        return held_back(f"{source}\n{text}") == self.is_held_back

    def of(self, source: str, rows: Iterable[Row]) -> list[dict[str, Any]]:
        """The rows of a data set that are in this half, in order."""
        return [
            dict(row)
            for row in rows
            if self.has(source, orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode())
        ]

    def read(self, path: str) -> list[dict[str, Any]]:
        """This half of a JSON or JSONL file (or one packed by gzip) in the data folder."""
        return self.of(path, read(path))


def read(path: str) -> list[dict[str, Any]]:
    """Rows of a JSON, JSONL or CSV file (or one packed by gzip) in the data folder.

    Raises:
        MissingDataError: there is no such file.
    """
    file = DATA / path
    if not file.exists():
        raise MissingDataError(path)
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    if ".csv" in file.suffixes:
        return pl.read_csv(content, infer_schema=False).to_dicts()
    if ".jsonl" in file.suffixes:
        return [orjson.loads(line) for line in content.splitlines() if line.strip()]
    rows: list[dict[str, Any]] = orjson.loads(content)
    return rows


SOURCES: Registry[Callable[[Half], Labelled]] = Registry("labelled source", "audit_quality")
