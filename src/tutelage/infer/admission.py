"""Which waiting sequences take the slots that have become free.

Reading a prompt is a pass of its own, so newcomers wait until reading them is worth one: until they
fill a row, or a good part of the slots is idle, or there is nothing of theirs left to read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
    fits: Callable[[T, int], bool] | None = None,
) -> dict[int, T]:
    """Take waiting sequences for the free slots.

    Args:
        waiting: in the order in which they are taken; those taken are removed.
        running: slots that are not free.
        slots: how many there are.
        unread: tokens to be read before some of them can run.
        row: tokens that a pass reads.
        fits: whether one has room in a slot; None where all have.

    Returns:
        By slot; none while waiting is better.
    """
    free = [slot for slot in range(slots) if slot not in running]
    seats = _seats(waiting, free, fits)
    left = unread([waiting[at] for at in seats.values()])
    if running and 0 < left < row and len(free) < WORTH * slots:
        return {}
    return _taken(waiting, seats)


def placed(
    waiting: deque[T], free: Sequence[int], fits: Callable[[T, int], bool] | None = None
) -> dict[int, T]:
    """The same at once, whatever is left to read.

    Args:
        waiting: as in `admitted`.
        free: slots, the larger ones first.
        fits: as in `admitted`.
    """
    return _taken(waiting, _seats(waiting, free, fits))


def _seats(
    waiting: Iterable[T], free: Sequence[int], fits: Callable[[T, int], bool] | None
) -> dict[int, int]:
    """By slot, which of those that wait takes it: each the smallest that it has room in."""
    left = list(free)
    seats: dict[int, int] = {}
    for at, one in enumerate(waiting):
        if not left:
            break
        if fits is None:
            seats[left.pop(0)] = at
            continue
        slot = next((slot for slot in reversed(left) if fits(one, slot)), None)
        if slot is not None:
            left.remove(slot)
            seats[slot] = at
    return seats


def _taken(waiting: deque[T], seats: Mapping[int, int]) -> dict[int, T]:
    everyone = list(waiting)
    gone = set(seats.values())
    if gone:
        waiting.clear()
        waiting.extend(one for at, one in enumerate(everyone) if at not in gone)
    return {slot: everyone[at] for slot, at in seats.items()}
