"""JSON and JSON Lines.

orjson reads strictly; only where it refuses and the text holds NaN or Infinity, which Python and
pandas write though JSON has neither, the standard library reads the row instead (a NaN then
stands for a missing value). Nesting deeper than a thousand levels is refused by both. A key that
stands twice in an object has its last value, as in every common reader.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from tutelage.data.fates import Reason
from tutelage.data.rows import MAX_ROW_BYTES, BadRow, shown
from tutelage.data.sources.records import File, Record, record
from tutelage.data.sources.streams import MARK, Line, lines, not_utf8, opened, text, whole
from tutelage.errors import UserError


def json_records(file: File) -> Iterator[Record]:
    """Records of a JSON or JSON Lines file, told apart by how it starts.

    Raises:
        UserError: the file is empty, not UTF-8, or a document that is not JSON.
    """
    if _is_lines(file):
        return _line_records(file)
    return _document_records(file)


def _is_lines(file: File) -> bool:
    """Whether the file holds a document a line rather than one document."""
    with opened(file) as stream:
        following = lines(stream)
        first = next(
            (line for line in following if line.content is None or line.content.strip()), None
        )
        if first is None:
            fix = "was it written to the end? Give it rows, or leave it out"
            raise UserError("the file is empty", where=file.label, fix=fix)
        head = text(first, file.label) if first.content is not None else ""
        if head.lstrip().startswith("["):
            return False
        if file.suffix != ".json":
            return True
        try:
            orjson.loads(head)
        except orjson.JSONDecodeError:
            return False
        return any(line.content is None or line.content.strip() for line in following)


def _line_records(file: File) -> Iterator[Record]:
    """One record a line; a line that cannot be read is a record with its defect."""
    with opened(file) as stream:
        for line in lines(stream):
            if line.content is None:
                size = f"a line of {line.size:,} bytes"
                limit = f"at most {MAX_ROW_BYTES:,}"
                yield Record(
                    line.number - 1,
                    BadRow(Reason.TOO_LARGE, f"line {line.number}", size, limit),
                )
            elif line.content.strip():
                yield _line_record(line, file)


def _line_record(line: Line, file: File) -> Record:
    content = text(line, file.label)
    try:
        return record(line.number - 1, _parsed(content))
    except ValueError as error:
        found = f"{_complaint(error)} in {shown(content.rstrip())}"
        defect = BadRow(Reason.NOT_JSON, f"line {line.number}", found, "one JSON object")
        return Record(line.number - 1, defect)


def _complaint(error: ValueError) -> str:
    """What a parser says, with the column but without a line, which it counts in what it got."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.split(': line ')[0]} (column {error.colno})"
    return str(error)


def _document_records(file: File) -> Iterator[Record]:
    """The items of an array, or one record of an object."""
    with opened(file) as stream:
        data = whole(stream, file.label)
    try:
        content = data.decode("utf-8").removeprefix(MARK)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise not_utf8(data, error.start, line, error.start, file.label) from None
    try:
        document = _parsed(content)
    except ValueError as error:
        raise UserError(
            f"not valid JSON: {error}",
            where=file.label,
            fix="one JSON array of objects, or one object a line, is expected",
        ) from error
    rows = document if isinstance(document, list) else [document]
    if not rows:
        raise UserError("the file holds no rows: its array is empty", where=file.label)
    for number, value in enumerate(rows):
        yield record(number, value)


def _parsed(content: str) -> Any:
    """JSON, or JSON with NaN and Infinity in it.

    Raises:
        ValueError: it is neither.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        if "NaN" not in content and "Infinity" not in content:
            raise
        try:
            value = json.loads(content)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        _reject_surrogates(value)
        return value


def _reject_surrogates(value: Any) -> None:
    """Half a character, which orjson refuses and the standard library lets through."""
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise ValueError(str(error)) from error
