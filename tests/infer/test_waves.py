"""Slots of a wave: as large as sequences need, and as many as memory has room for."""

from __future__ import annotations

from collections import deque

import torch
from hypothesis import given
from hypothesis import strategies as st

from tutelage.infer.admission import admitted, placed
from tutelage.infer.cache import Cache
from tutelage.infer.prefixes import find_prefixes
from tutelage.infer.waves import Ongoing, first_own_block, in_order, slot_sizes, waves

LENGTHS = st.lists(st.tuples(st.integers(1, 200), st.integers(0, 300)), min_size=1, max_size=40)


def sequences(lengths: list[tuple[int, int]]) -> list[Ongoing]:
    """Of so many tokens and longest answers, with nothing in common."""
    return [
        Ongoing(place, (place,) * tokens, (place,), 0, limit, 0)
        for place, (tokens, limit) in enumerate(lengths)
    ]


@given(LENGTHS, st.integers(1, 16), st.integers(0, 200))
def test_slots_have_room_for_every_sequence_and_memory_for_every_slot(
    lengths: list[tuple[int, int]], batch_size: int, room: int
) -> None:
    asked = sequences(lengths)
    sizes = slot_sizes(asked, batch_size, room)
    blocks = sorted((one.blocks for one in asked), reverse=True)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == blocks[0]
    assert len(sizes) <= min(batch_size, len(asked))
    assert sum(sizes) <= room or len(sizes) == 1
    assert all(size <= need for size, need in zip(sizes, blocks, strict=False))
    if sum(blocks[:batch_size]) <= room:
        assert sizes == blocks[:batch_size]


def test_few_long_answers_leave_room_for_many_short_ones() -> None:
    long, short = (50, 1200), (50, 20)  # 40 and 3 blocks
    few = sequences([long] * 4 + [short] * 400)
    assert slot_sizes(few, 64, 1000) == [40] * 4 + [3] * 60
    assert slot_sizes(few, 64, 64 * 3 + 2 * 37) == [40] * 2 + [3] * 62
    # Where long ones are many, as many slots are theirs as memory has room for beside the others.
    many = slot_sizes(sequences([long] * 400 + [short] * 4000), 64, 1456)
    assert many == [40] * 34 + [3] * 30
    assert slot_sizes(sequences([long] * 400), 64, 1456) == [40] * 36


@given(LENGTHS, st.integers(1, 6), st.integers(1, 60))
def test_all_are_admitted_each_where_it_fits(
    lengths: list[tuple[int, int]], batch_size: int, room: int
) -> None:
    asked = sequences(lengths)
    prefixes = find_prefixes([one.prompt for one in asked])
    for one, path in zip(asked, prefixes.paths, strict=True):
        one.path, one.own = path, first_own_block(one.prompt, path, prefixes)
    served = []
    for wave in waves(in_order(asked, len(prefixes.stretches)), prefixes, batch_size, room):
        waiting = deque(wave.sequences)
        running: dict[int, Ongoing] = {}
        while waiting or running:
            running |= admitted(waiting, running, wave.slots, lambda _: 0, 8, wave.fits)
            assert all(wave.fits(one, slot) for slot, one in running.items())
            served.append(running.pop(max(running)))
    assert sorted(one.place for one in served) == list(range(len(asked)))


def test_each_takes_the_smallest_slot_and_passes_those_that_do_not_fit() -> None:
    sizes = [9, 5, 2]
    waiting = deque([5, 9, 8, 1, 2])

    def fits(need: int, slot: int) -> bool:
        return need <= sizes[slot]

    assert placed(waiting, [0, 1, 2], fits) == {1: 5, 0: 9, 2: 1}
    assert list(waiting) == [8, 2]
    assert placed(waiting, [1, 2], fits) == {2: 2}
    assert placed(waiting, [1], fits) == {}
    assert list(waiting) == [8]


def test_own_blocks_lie_apart_and_by_level() -> None:
    cache = Cache([3, 2, 2, 1], shared=2)
    pool = torch.arange(10)
    own = [cache.own(slot, block) for slot, size in enumerate(cache.sizes) for block in range(size)]
    assert sorted(own) == list(range(8))
    for level, slots in enumerate([4, 3, 1]):
        assert cache.level(pool, level).tolist() == [cache.own(at, level) for at in range(slots)]
