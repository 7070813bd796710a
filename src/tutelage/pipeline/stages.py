"""A line on standard error for each stage of a job, so that a long one is never silent."""

from __future__ import annotations

import sys
import time

from tutelage import ranks

EVERY = 20.0
"""Seconds between lines of progress."""


def stage(doing: str) -> None:
    """Say what begins now, once for all processes; standard output stays for results."""
    if ranks.leads():
        print(f"… {doing}", file=sys.stderr, flush=True)


class Progress:
    """A line now and then while many things are done.

    Args:
        items: how many there are.
        done: what becomes of them, such as "answered".
    """

    def __init__(self, items: int, done: str) -> None:
        self.items = items
        self.done = done
        self.next = time.monotonic() + EVERY

    def __call__(self, count: int) -> None:
        """Say how many are done, if it was long since the last time."""
        if time.monotonic() >= self.next:
            self.next = time.monotonic() + EVERY
            stage(f"{count} of {self.items} {self.done}")
