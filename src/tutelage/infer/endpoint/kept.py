"""Answers as they arrive, in a file: what was paid for is never asked for again.

JSON lines, each under the fingerprint of its request, so an evaluation that was killed goes on
where it stood, and one that asks something else finds nothing here. Appending is not atomic: half
a line at the end, which a kill may leave, is cut off when the file is opened again.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import orjson

from tutelage.errors import UserError
from tutelage.infer.endpoint.protocol import Reply

FINAL = ("refused", "filtered", "no_text")
"""Failures that the endpoint meant: asking again would cost again and say the same."""

_FIELDS = {field.name for field in fields(Reply)}


class KeptReplies:
    """The replies in a file, and what was spent on the requests in it, of whatever model.

    Args:
        path: JSON Lines; it need not be there yet.

    Raises:
        UserError: a line that was written whole is not one of ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._replies: dict[str, Reply] = {}
        self._costs: Counter[str] = Counter()
        self.spent = 0.0
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            return
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as file:
                file.truncate(whole)
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            self._take(line, number)

    def get(self, key: str) -> Reply | None:
        """The reply to a request, if there is one."""
        return self._replies.get(key)

    def cost(self, keys: Iterable[str]) -> float:
        """What these requests cost, with what was lost of them on the way."""
        return math.fsum(self._costs[key] for key in keys)

    def add(self, key: str, reply: Reply, cost: float) -> None:
        """Keep a reply that was paid for; it is with the operating system when this returns."""
        if reply.failed is None or reply.failed in FINAL:
            self._replies[key] = reply
        self._append({"key": key, "cost": cost, **asdict(reply)})

    def add_lost(self, key: str, cost: float) -> None:
        """Note a request that was lost on the way and may have been charged for."""
        self._append({"key": key, "cost": cost, "lost": True})

    def _append(self, row: dict[str, Any]) -> None:
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            self._count(row)
            with self.path.open("ab") as file:
                file.write(line)

    def _count(self, row: dict[str, Any]) -> None:
        self.spent += row["cost"]
        self._costs[row["key"]] += row["cost"]

    def _take(self, line: bytes, number: int) -> None:
        try:
            row = orjson.loads(line)
            self._count(row)
            if "lost" in row:
                return
            reply = Reply(**{name: row[name] for name in _FIELDS})
            if reply.failed is None or reply.failed in FINAL:
                self._replies[row["key"]] = reply
        except (orjson.JSONDecodeError, LookupError, TypeError) as error:
            raise UserError(
                f"not a kept answer: {type(error).__name__}",
                where=f"{self.path} line {number}",
                fix="remove the line, and its item is asked again",
            ) from None
