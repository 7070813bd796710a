"""Published tables as rows, or the user's mistake with its place."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from tutelage.errors import UserError


def table(path: Path, fix: str) -> list[Mapping[str, str | None]]:
    """The rows of a CSV file with a header, by its column names.

    Args:
        path: the file.
        fix: what it should be, for messages.

    Raises:
        UserError: it is empty, not UTF-8, or no CSV.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"not a table: {error}", where=str(path), fix=fix) from None
    if not rows:
        raise UserError("no rows", where=str(path), fix=fix)
    return [*rows]
