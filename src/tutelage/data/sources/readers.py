"""Records of one file, whatever it is written in.

The suffix says how to read a file; its first bytes correct the suffix where the two are known to
disagree in practice: JSON Lines called `.json`, an array called `.jsonl`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tutelage.data.sources.json_rows import json_records
from tutelage.data.sources.records import SUFFIXES, Origin, Record
from tutelage.errors import UserError

READERS: dict[str, Callable[[Origin], Iterator[Record]]] = {
    ".json": json_records,
    ".jsonl": json_records,
    ".ndjson": json_records,
}


def records(origin: Origin) -> Iterator[Record]:
    """The records of a file, in its order.

    Raises:
        UserError: the file is missing, empty, in another encoding, or not what its name says.
    """
    if origin.suffix not in READERS:
        raise UserError(
            f"unknown kind of file '{origin.suffix}'",
            where=origin.label,
            fix=f"expected one of {', '.join(SUFFIXES)}, each also with .gz or .zst",
        )
    return READERS[origin.suffix](origin)


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
