"""Which waiting sequences take the slots that have become free.

Reading a prompt is a pass of its own, so newcomers wait until reading them is worth one: until they
fill a row, or a good part of the slots is idle, or there is nothing of theirs left to read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

T = TypeVar("T")

WORTH = 1 / 4
"""Part of the slots that, once free, is worth a pass that is not full."""


def admitted(
    waiting: deque[T],
    running: Collection[int],
    slots: int,
    unread: Callable[[Sequence[T]], int],
    row: int,
) -> dict[int, T]:
    """Take waiting sequences for the free slots.

    Args:
        waiting: in the order in which they are taken; those taken are removed.
        running: slots that are not free.
        slots: how many there are.
        unread: tokens to be read before some of them can run.
        row: tokens that a pass reads.

    Returns:
        By slot; none while waiting is better.
    """
    free = [slot for slot in range(slots) if slot not in running]
    count = min(len(free), len(waiting))
    left = unread([waiting[at] for at in range(count)])
    if running and 0 < left < row and len(free) < WORTH * slots:
        return {}
    return {slot: waiting.popleft() for slot in free[:count]}
