"""The log of training: JSON lines, one an event, in the order in which they happened.

Appending is not atomic, so a killed run may leave half a line at the end; reading ignores it and
`truncate_after` removes it. A resumed run first cuts the log back to its checkpoint, so that the
finished log is that of a run that was never interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from tutelage.errors import UserError
from tutelage.rundir.atomic import replacing


class TrainLog:
    """A log file of rows with an `event` and a `step`.

    Args:
        path: `RunFolder.log`; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row; it is with the operating system when this returns. NaN becomes null."""
        line = orjson.dumps(dict(row), option=_LINE)
        with self.path.open("ab") as file:
            file.write(line)

    def rows(self, event: str | None = None) -> list[dict[str, Any]]:
        """All rows in order, or those of one event; empty if there is no log.

        Raises:
            UserError: a line that was written whole is not a JSON object.
        """
        if not self.path.exists():
            return []
        # What follows the last line break was cut off by a kill, and was never acted upon.
        lines = self.path.read_bytes().split(b"\n")[:-1]
        rows = [self._parse(line, number) for number, line in enumerate(lines, start=1)]
        return [row for row in rows if event is None or row["event"] == event]

    def truncate_after(self, step: int) -> None:
        """Drop the rows of every later step (and half a line at the end), atomically."""
        kept = [orjson.dumps(row, option=_LINE) for row in self.rows() if row["step"] <= step]
        with replacing(self.path) as temporary:
            temporary.write_bytes(b"".join(kept))

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise UserError(
                f"not valid JSON: {error}",
                where=f"{self.path} line {number}",
                fix="remove the line",
            ) from error
        if not isinstance(row, dict) or not {"event", "step"} <= row.keys():
            raise UserError(
                "expected an object with 'event' and 'step'",
                where=f"{self.path} line {number}",
                fix="remove the line",
            )
        return row


_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
