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
        yield Wave(sorted(taken, key=lambda one: -one.limit), sizes, places, shared_blocks)


def slot_sizes(sequences: Sequence[Ongoing], batch_size: int, room: int) -> list[int]:
    """How large a wave's slots are: the larger, the more of the work is in long sequences.

    Args:
        sequences: at least one.
        batch_size: most slots.
        room: blocks that they may take together; one slot takes what it needs.

    Returns:
        As many as have room, falling: the sequences' blocks at even steps of their work, which is
        taken to be their longest answers. The first is that of the largest sequence, and no more
        slots are large than sequences are.
    """
    blocks = np.array([one.blocks for one in sequences])
    order = np.argsort(-blocks, kind="stable")
    falling = blocks[order]
    work = np.cumsum(np.array([max(one.limit, 1) for one in sequences])[order])
    for slots in range(min(batch_size, len(sequences)), 1, -1):
        steps = work[-1] * np.arange(slots) / slots
        sizes = np.minimum(falling[np.searchsorted(work, steps, side="right")], falling[:slots])
        if sizes.sum() <= room:
            return [int(size) for size in sizes]
    return [int(falling[0])]


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
