"""Answers as they arrive, in a file: what was paid for is never asked for again.

JSON lines, each under the fingerprint of its request, so an evaluation that was killed goes on
where it stood, and one that asks something else finds nothing here.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.infer.endpoint.protocol import Reply
from tutelage.rundir.journal import Journal

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
        path.parent.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(path)
        for place, row in self._journal.rows():
            self._take(row, place)

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
        with self._lock:
            self._count(row)
            self._journal.append(row)

    def _count(self, row: dict[str, Any]) -> None:
        self.spent += row["cost"]
        self._costs[row["key"]] += row["cost"]

    def _take(self, row: dict[str, Any], place: str) -> None:
        try:
            self._count(row)
            if "lost" in row:
                return
            reply = Reply(**{name: row[name] for name in _FIELDS})
            if reply.failed is None or reply.failed in FINAL:
                self._replies[row["key"]] = reply
        except (LookupError, TypeError) as error:
            raise UserError(
                f"not a kept answer: {type(error).__name__}",
                where=place,
                fix="remove the line, and its item is asked again",
            ) from None
