"""Which sequences are decoded together, so that the cache keeps within the memory for it.

Where memory is enough there is one wave, however many sequences there are: they take turns in its
slots. Where it is not, a wave ends before what it shares fills the cache, or where sequences get
half as long as its longest: the next has room for more at a time. Sequences with a common prefix
stay together, those with the longest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

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
        slots: sequences at a time.
        size: blocks of a slot.
        shared: stretches that are stored once, with their first block's place in the pool.
        shared_blocks: what these take.
    """

    sequences: Sequence[Ongoing]
    slots: int
    size: int
    shared: Mapping[int, int]
    shared_blocks: int


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
        wave = _take(waiting, prefixes, batch_size, room)
        yield wave


def _take(waiting: list[Ongoing], prefixes: Prefixes, batch_size: int, room: int) -> Wave:
    """Take the next wave from the end of `waiting`."""
    taken: list[Ongoing] = []
    shared: dict[int, int] = {}
    slots = size = shared_blocks = 0
    while waiting:
        sequence = waiting[-1]
        new = [at for at in sequence.path if prefixes.stretches[at].shared and at not in shared]
        more = shared_blocks + sum(blocks_of(prefixes.stretches[at]) for at in new)
        larger = max(size, sequence.blocks)
        opens = slots == len(taken) < batch_size
        if not taken or (opens and (slots + 1) * larger + more <= room):
            slots += 1
        elif slots * larger + more > room or (slots < batch_size and 2 * sequence.blocks <= size):
            break
        for at in new:
            shared[at] = shared_blocks
            shared_blocks += blocks_of(prefixes.stretches[at])
        size = larger
        taken.append(waiting.pop())
    first = slots * size
    return Wave(taken, slots, size, {at: first + n for at, n in shared.items()}, shared_blocks)
