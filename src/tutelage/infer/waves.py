"""Which sequences are decoded together, so that the cache keeps within the memory for it.

Where memory is enough there is one wave, however many sequences there are: they take turns in its
slots, those that may run longest first, so that short ones fill the rows beside their ends. A wave
ends before what it shares takes half of the cache; sequences with a common prefix stay together.
Slots differ in size, as sequences do: room for the longest in every slot would leave few of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from tutelage.infer.backend import Answer
from tutelage.infer.cache import BLOCK, blocks_for
from tutelage.infer.prefixes import Prefixes, Stretch

SEARCH = 20
"""Halvings in the search for how large slots may be."""


@dataclass(slots=True)
class Ongoing:
    """A sequence being decoded.

    Attributes:
        place: in the list of requests.
        prompt: its tokens.
        path: the stretches of the prompt.
        key: selects its samples.
        limit: most new tokens.
        own: which block of it is the first that no other sequence shares.
    """

    place: int
    prompt: tuple[int, ...]
    path: tuple[int, ...]
    key: int
    limit: int
    own: int
    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    finish_reason: Literal["stop", "length"] | None = None

    @property
    def longest(self) -> int:
        """Tokens of prompt and longest answer."""
        return len(self.prompt) + self.limit

    @property
    def blocks(self) -> int:
        """Most blocks of its own."""
        return blocks_for(self.longest) - self.own

    @property
    def held(self) -> int:
        """Tokens in the cache: the newest one is yet to be read."""
        return len(self.prompt) + len(self.ids) - 1

    def answer(self) -> Answer:
        """What came of it."""
        assert self.finish_reason is not None
        return Answer(tuple(self.ids), self.finish_reason, tuple(self.log_probabilities))


@dataclass(frozen=True, slots=True)
class Wave:
    """Sequences that share one cache.

    Attributes:
        sequences: in the order in which they take slots.
        sizes: blocks of each slot, falling.
        shared: stretches that are stored once, with their first block's place in the pool.
        shared_blocks: what these take.
    """

    sequences: Sequence[Ongoing]
    sizes: Sequence[int]
    shared: Mapping[int, int]
    shared_blocks: int

    @property
    def slots(self) -> int:
        """Sequences at a time."""
        return len(self.sizes)

    def fits(self, sequence: Ongoing, slot: int) -> bool:
        """Whether the slot has room for the sequence."""
        return sequence.blocks <= self.sizes[slot]


def blocks_of(stretch: Stretch) -> int:
    """Blocks of the cache that a stretch lies in; the first may begin with its parent's end."""
    return blocks_for(stretch.end) - stretch.start // BLOCK


def first_own_block(prompt: tuple[int, ...], path: Sequence[int], prefixes: Prefixes) -> int:
    """Which block of a sequence is the first that it does not share."""
    last = prefixes.stretches[path[-1]]
    return (len(prompt) if last.shared else last.start) // BLOCK


def in_order(sequences: Sequence[Ongoing], stretches: int) -> list[Ongoing]:
    """Depth first along the stretches, those that lead to the longest sequence first."""
    longest = [0] * stretches
    for sequence in sequences:
        for at in sequence.path:
            longest[at] = max(longest[at], sequence.longest)

    def key(sequence: Ongoing) -> tuple[list[tuple[int, int]], int]:
        return [(-longest[at], at) for at in sequence.path], -sequence.longest

    return sorted(sequences, key=key)


def waves(
    ordered: Sequence[Ongoing], prefixes: Prefixes, batch_size: int, room: int
) -> Iterator[Wave]:
    """Divide sequences into waves.

    Args:
        ordered: see `in_order`.
        prefixes: of their prompts.
        batch_size: most slots.
        room: blocks that a cache may have; a single sequence is decoded whatever it needs.
    """
    waiting = list(reversed(ordered))
    while waiting:
        taken, shared, shared_blocks = _take(waiting, prefixes, room // 2)
        sizes = slot_sizes(taken, batch_size, room - shared_blocks)
        first = sum(sizes)
        places = {at: first + place for at, place in shared.items()}
        # Sorting is stable: among equals, those with a common prefix stay together.
        taken.sort(key=lambda one: (-one.limit, -one.blocks))
        yield Wave(taken, sizes, places, shared_blocks)


def slot_sizes(sequences: Sequence[Ongoing], batch_size: int, room: int) -> list[int]:
    """How large a wave's slots are: as many as have room, and then as large as have room.

    Each is as large as one of the sequences, in falling order: as the largest, where memory is
    enough, else as every second or so. A sequence runs in any slot that is large enough, so that
    more large ones never delay it, and a single one would have large sequences wait for each other.

    Args:
        sequences: at least one.
        batch_size: most slots.
        room: blocks that they may take together; one slot takes what it needs.

    Returns:
        Blocks of each slot, falling; the first has room for every sequence.
    """
    falling = np.sort([one.blocks for one in sequences])[::-1]
    for slots in range(min(batch_size, len(falling)), 1, -1):
        least, most = 1.0, len(falling) / slots  # of the distance from one to the next
        if _every(falling, most, slots).sum() > room:
            continue
        if _every(falling, least, slots).sum() > room:
            for _ in range(SEARCH):
                middle = (least + most) / 2
                if _every(falling, middle, slots).sum() > room:
                    least = middle
                else:
                    most = middle
            least = most
        return [int(size) for size in _every(falling, least, slots)]
    return [int(falling[0])]


def _every(falling: np.ndarray, distance: float, slots: int) -> np.ndarray:
    """So many of the sizes, each so far behind the one before."""
    places = (np.arange(slots) * distance).astype(np.int64)
    return falling[np.minimum(places, len(falling) - 1)]


def _take(
    waiting: list[Ongoing], prefixes: Prefixes, room: int
) -> tuple[list[Ongoing], dict[int, int], int]:
    """Take sequences from the end of `waiting` while what they share has room.

    Returns:
        The sequences, where each shared stretch begins among the shared blocks, and how many those
        are.
    """
    taken: list[Ongoing] = []
    shared: dict[int, int] = {}
    shared_blocks = 0
    while waiting:
        path = waiting[-1].path
        new = [at for at in path if prefixes.stretches[at].shared and at not in shared]
        more = sum(blocks_of(prefixes.stretches[at]) for at in new)
        if taken and more and shared_blocks + more > room:
            break
        for at in new:
            shared[at] = shared_blocks
            shared_blocks += blocks_of(prefixes.stretches[at])
        taken.append(waiting.pop())
    return taken, shared, shared_blocks
