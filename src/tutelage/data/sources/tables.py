"""CSV, TSV and Parquet.

Cells are read as text, never guessed into numbers, because a label "007" or "NA" is what it is.
CSV follows RFC 4180, with `;` or tab where the header has no comma. TSV has no quoting by its
definition, and raw quotation marks are common in it (SST-2), but pandas and spreadsheets do
quote; so a cell is unquoted only if it is quoted from end to end. A row with too few or too many
cells is a defect of that row. Parquet is read in slices.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tutelage.data.fates import Reason
from tutelage.data.rows import MAX_ROW_BYTES, BadRow
from tutelage.data.sources.records import File, Record
from tutelage.data.sources.streams import PARQUET, lines, opened, text, whole
from tutelage.errors import UserError

SLICE = 10_000
"""Rows of a Parquet file in memory at once."""

_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def csv_records(file: File) -> Iterator[Record]:
    """Records of a CSV file; its first line names the columns."""
    # The limit is the interpreter's, not the reader's; its default (128 KiB) refuses documents.
    csv.field_size_limit(MAX_ROW_BYTES)
    with opened(file) as stream:
        content = (text(line, file.label) for line in lines(stream))
        head = next(content, "")
        delimiter = _delimiter(head)
        header = _header(next(csv.reader([head], delimiter=delimiter), []), file)
        rows = csv.reader(content, delimiter=delimiter, strict=True)
        number = 0
        while True:
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield Record(number, _misquoted(error, rows.line_num + 1, file))
                number += 1
                continue
            if cells:
                yield _cells(number, cells, header, rows.line_num + 1)
                number += 1


def tsv_records(file: File) -> Iterator[Record]:
    """Records of a TSV file; its first line names the columns."""
    with opened(file) as stream:
        content = lines(stream)
        first = next(content, None)
        header = _header(_tabbed(text(first, file.label)) if first else [], file)
        for line in content:
            cells = _tabbed(text(line, file.label))
            if cells != [""]:
                yield _cells(line.number - 2, cells, header, line.number)


def parquet_records(file: File) -> Iterator[Record]:
    """Records of a Parquet file."""
    import polars as pl

    try:
        table = pl.scan_parquet(_parquet_source(file), glob=False, hive_partitioning=False)
        rows = table.select(pl.len()).collect().item()
        for start in range(0, rows, SLICE):
            part = table.slice(start, SLICE).collect()
            for number, values in enumerate(part.iter_rows(named=True), start):
                yield Record(number, values)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise UserError(f"not readable as Parquet: {error}", where=file.label) from error


def _parquet_source(file: File) -> Path | io.BytesIO:
    """The file, or its decompressed content, since Parquet must be read out of order."""
    with opened(file) as stream, file.path.open("rb") as raw:
        plain = raw.read(4) == PARQUET
        content = b"" if plain else whole(stream, file.label)
    if not plain and not content.startswith(PARQUET):
        raise UserError("not a Parquet file (or an empty one)", where=file.label)
    return file.path if plain else io.BytesIO(content)


def _delimiter(header: str) -> str:
    """Comma, unless the header has none and has another."""
    return next((mark for mark in ",;\t" if mark in header), ",")


def _header(names: Sequence[str], file: File) -> Sequence[str]:
    """The columns' names.

    Raises:
        UserError: there is no header, or two columns have one name.
    """
    if not any(name.strip() for name in names):
        raise UserError(
            "the file is empty, or its first line is",
            where=file.label,
            fix="the first line must name the columns",
        )
    double = [name for i, name in enumerate(names) if name in names[:i]]
    if double:
        raise UserError(
            f"two columns are called '{double[0]}'", where=f"{file.label} line 1", fix="rename one"
        )
    return names


def _tabbed(line: str) -> list[str]:
    """The cells of a TSV line, unquoted where a cell is quoted from end to end."""
    cells = line.rstrip("\r\n").split("\t")
    if '"' not in line:
        return cells
    quoted = (_QUOTED.fullmatch(cell) for cell in cells)
    return [
        match[1].replace('""', '"') if match else cell
        for cell, match in zip(cells, quoted, strict=True)
    ]


def _cells(number: int, cells: list[str], header: Sequence[str], line: int) -> Record:
    """A record of a line's cells, or its defect if they are not as many as the header's."""
    if len(cells) == len(header):
        return Record(number, dict(zip(header, cells, strict=True)))
    found, expected = f"{len(cells)} cells", f"{len(header)} as in the header"
    return Record(number, BadRow(Reason.WRONG_COLUMNS, f"line {line}", found, expected))


def _misquoted(error: csv.Error, line: int, file: File) -> BadRow:
    """The defect of a misquoted row; a quote that is never closed has swallowed the file's rest.

    Raises:
        UserError: the quote is never closed.
    """
    if "unexpected end" in str(error) or "field limit" in str(error):
        raise UserError(
            "a quotation mark opened here, or before, is never closed",
            where=f"{file.label} line {line}",
            fix='a quotation mark inside a quoted cell is written twice: ""',
        ) from error
    return BadRow(Reason.WRONG_COLUMNS, f"line {line}", str(error), "cells quoted as in RFC 4180")
