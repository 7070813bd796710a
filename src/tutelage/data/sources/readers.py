"""Which reader reads which file, and the origins of a source.

The suffix says how to read a file; where names and content are known to disagree in practice
(JSON Lines called `.json`, an array called `.jsonl`, gzip called nothing), the content decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tutelage.data.options import SourceOptions
from tutelage.data.sources.conll import conll_records
from tutelage.data.sources.hub import PREFIX, hub_origin
from tutelage.data.sources.json_rows import json_records
from tutelage.data.sources.paths import find
from tutelage.data.sources.records import SUFFIXES, File, Origin, Record
from tutelage.data.sources.tables import csv_records, parquet_records, tsv_records
from tutelage.errors import UserError

READERS: dict[str, Callable[[File], Iterator[Record]]] = {
    ".json": json_records,
    ".jsonl": json_records,
    ".ndjson": json_records,
    ".csv": csv_records,
    ".tsv": tsv_records,
    ".parquet": parquet_records,
    ".conll": conll_records,
    ".bio": conll_records,
    ".iob": conll_records,
    ".iob2": conll_records,
}


def origins(options: SourceOptions, folder: Path) -> list[Origin]:
    """The files or the dataset that a source names.

    Args:
        options: the source.
        folder: the recipe's folder, which a relative path starts from.

    Raises:
        UserError: there is nothing of that name, or nothing we can read.
    """
    if options.path.startswith(PREFIX):
        return [hub_origin(options.path, options.split)]
    files = find(options.path, folder)
    return [Origin(file.label, file.task, partial(_reader(file), file)) for file in files]


def _reader(file: File) -> Callable[[File], Iterator[Record]]:
    if file.suffix not in READERS:
        raise UserError(
            f"unknown kind of file '{file.suffix}'",
            where=file.label,
            fix=f"expected one of {', '.join(SUFFIXES)}, each also with .gz or .zst",
        )
    return READERS[file.suffix]


def unwrap(values: Mapping[str, Any]) -> list[Any] | None:
    """The rows of an object that only wraps them, such as `{"data": [{…}, …]}`.

    Returns:
        The one list of objects in it, or None if there is none, or several.
    """
    lists = [
        value
        for value in values.values()
        if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value)
    ]
    return lists[0] if len(lists) == 1 else None
