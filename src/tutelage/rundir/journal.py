"""A file of JSON lines that is only ever appended to: what was done stays done after a kill.

Appending is not atomic: half a line at the end, which a kill may leave, is cut off when the file
is opened again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from tutelage.errors import UserError


class Journal:
    """The lines of a file, and its end to write on.

    Args:
        path: it need not be there yet; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Place and content of every line that was written whole.

        Raises:
            UserError: a line is not JSON.
        """
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with self.path.open("r+b") as file:
                file.truncate(whole)
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            place = f"{self.path} line {number}"
            try:
                yield place, orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise UserError(
                    f"not JSON: {error}",
                    where=place,
                    fix="remove the line, and what it held is asked again",
                ) from None

    def append(self, row: dict[str, Any]) -> None:
        """Write a line; it is with the operating system when this returns."""
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(line)
