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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import zstandard

from tutelage.data.sources.records import File
from tutelage.data.sources.tables import SLICE
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
    for number, row in enumerate(rows):
        if number == 0:
            writer.writerow(row)
        writer.writerow(row.values())


def _tsv(stream: io.BufferedIOBase, rows: Rows) -> None:
    for number, row in enumerate(rows):
        if number == 0:
            stream.write("\t".join(row).encode() + b"\n")
        stream.write("\t".join(map(_cell, row.values())).encode() + b"\n")


def _cell(value: object) -> str:
    """A TSV cell: it has no quoting, so what would end it becomes a space."""
    return " ".join(str(value).replace("\t", " ").splitlines())


def _parquet(path: Path, rows: Rows) -> None:
    import polars as pl
    import pyarrow.parquet as pq

    writer = None
    slice_: list[Mapping[str, Any]] = []
    try:
        for row in rows:
            slice_.append(row)
            if len(slice_) == SLICE:
                writer = _written(writer, path, pl.DataFrame(slice_, infer_schema_length=None), pq)
                slice_ = []
        if slice_ or writer is None:
            writer = _written(writer, path, pl.DataFrame(slice_, infer_schema_length=None), pq)
    finally:
        if writer is not None:
            writer.close()


def _written(writer: Any, path: Path, table: Any, pq: Any) -> Any:
    arrow = table.to_arrow()
    if writer is None:
        writer = pq.ParquetWriter(path, arrow.schema, compression="zstd")
    writer.write_table(arrow.cast(writer.schema))
    return writer


WRITERS: dict[str, Callable[[io.BufferedIOBase, Rows], None]] = {
    ".json": _json,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".csv": _csv,
    ".tsv": _tsv,
}
