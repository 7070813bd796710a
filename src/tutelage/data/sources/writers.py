"""Rows written in the form they were read in: JSON, JSON Lines, CSV, TSV and Parquet, compressed
too.

Rows are written as they come, so a file of any size needs no more memory than one slice of it; a
file is complete or not there.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import zstandard

from tutelage.data.sources.records import File
from tutelage.errors import UserError
from tutelage.rundir import replacing

Rows = Iterable[Mapping[str, Any]]


def write_rows(path: Path, rows: Rows) -> None:
    """Write rows as a file's suffix says.

    Raises:
        UserError: nothing can be written under this suffix.
    """
    check_writable(path)
    with replacing(path) as temporary:
        if File(path.name, path).suffix == ".parquet":
            _parquet(temporary, rows)
            return
        with _compressed(temporary, path.suffix.lower()) as stream:
            WRITERS[File(path.name, path).suffix](stream, rows)


def check_writable(path: Path) -> None:
    """Tell early whether rows can be written to a file of this name.

    Raises:
        UserError: they cannot.
    """
    suffix = File(path.name, path).suffix
    if suffix != ".parquet" and suffix not in WRITERS:
        raise UserError(
            f"rows are not written as '{suffix}'",
            where=str(path),
            fix=f"expected one of {', '.join([*WRITERS, '.parquet'])}",
        )


@contextmanager
def _compressed(path: Path, suffix: str) -> Iterator[io.BufferedIOBase]:
    if suffix == ".gz":
        with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream:
            yield stream
    elif suffix == ".zst":
        with path.open("wb") as raw, zstandard.ZstdCompressor().stream_writer(raw) as packed:
            yield packed  # type: ignore[misc]
    else:
        with path.open("wb") as plain:
            yield plain


def _json_lines(stream: io.BufferedIOBase, rows: Rows) -> None:
    for row in rows:
        stream.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def _json(stream: io.BufferedIOBase, rows: Rows) -> None:
    separator = b"[\n"
    for row in rows:
        stream.write(separator + orjson.dumps(row, option=orjson.OPT_INDENT_2))
        separator = b",\n"
    stream.write(b"[]\n" if separator == b"[\n" else b"\n]\n")


def _csv(stream: io.BufferedIOBase, rows: Rows) -> None:
    text = codecs.getwriter("utf-8")(stream)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(_cells(rows))


def _tsv(stream: io.BufferedIOBase, rows: Rows) -> None:
    for cells in _cells(rows):
        stream.write("\t".join(map(_tsv_cell, cells)).encode() + b"\n")


def _cells(rows: Rows) -> Iterator[list[Any]]:
    """The header, then every row's cells in its order, whatever the order of the row's own keys."""
    header: list[str] | None = None
    for row in rows:
        if header is None:
            header = list(row)
            yield header
        yield ["" if row.get(name) is None else row[name] for name in header]


def _tsv_cell(value: object) -> str:
    """A TSV cell: what would end it becomes a space, and one that looks quoted is quoted again."""
    text = re.sub(r"[\t\r\n]+", " ", str(value))
    return f'"{text.replace(chr(34), 2 * chr(34))}"' if re.fullmatch(r'".*"', text) else text


def _parquet(path: Path, rows: Rows) -> None:
    import polars as pl

    # A column may be empty for long: its type is known when all rows are.
    pl.DataFrame(list(rows), infer_schema_length=None).write_parquet(path)


WRITERS: dict[str, Callable[[io.BufferedIOBase, Rows], None]] = {
    ".json": _json,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".csv": _csv,
    ".tsv": _tsv,
}
