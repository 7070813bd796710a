"""Attention of a decoding step: one new token in each of some sequences.

Each block of keys is attended by itself, and the results are put together as their softmax weighs
them (as in flash decoding, Dao et al. 2023). The blocks of a prefix are read where they lie, once
for all sequences that share it: a product for each sequence and block, but one call for all of
them. A block is computed in the same way, in the same shape, whether it is shared or not, and its
part is added in the order of positions; so no result depends on which other sequences there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tutelage.infer.block_attention import Part, attend_blocks, joined
from tutelage.infer.cache import BLOCK, Cache, Writer
from tutelage.model.attention.layout import Heads

ALIGNED = 8
"""Query rows are filled up to a multiple of this. Threads then find their scratch memory equally
aligned in the CPU's kernel; otherwise the last bit was measured to change with the thread."""


GAP = 8
"""Idle rows that are attended rather than parted from: a call more costs as much as they do."""


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring blocks of the pool.

    Attributes:
        first: the first block's place in the pool.
        start: which block of the sequence it is.
        count: how many.
    """

    first: int
    start: int
    count: int


@dataclass(frozen=True, slots=True)
class Held:
    """What the cache holds of one sequence.

    Attributes:
        tokens: how many, the new one not counted.
        shared: the full blocks it shares with others, in order.
        own: the block where its own begin, after all it shares.
    """

    tokens: int
    shared: tuple[Run, ...]
    own: int


class StepLayout:
    """One new token in each of some slots; the row's places are those of the slots.

    Args:
        cache: what they hold.
        held: the same by slot, at least one.
        first: the slot that has the first place in the row.
        device: where the cache is.
    """

    def __init__(
        self, cache: Cache, held: Mapping[int, Held], first: int, device: torch.device
    ) -> None:
        self._cache = cache
        self._first = min(held)
        self._count = max(held) + 1 - self._first
        self._place = self._first - first
        self._device = device
        places, blocks, offsets = [], [], []
        tokens, own = [-1] * self._count, [0] * self._count  # an idle slot sees nothing
        users: dict[Run, list[int]] = {}
        for slot, it in held.items():
            row = slot - self._first
            tokens[row], own[row] = it.tokens, it.own
            block, offset = divmod(it.tokens, BLOCK)
            places.append(slot - first)
            blocks.append(cache.own(slot, block - it.own))
            offsets.append(offset)
            for run in it.shared:
                users.setdefault(run, []).append(row)
        self._writer = Writer(places, blocks, offsets, device)
        self._levels = list(_levels({s - self._first: it for s, it in held.items()}))
        self._depth = 1 + max(level for level, _ in self._levels)
        cache.use(self._depth)
        self._users = [
            (run, torch.tensor(users[run], device=device))
            for run in sorted(users, key=lambda run: run.start)
        ]
        self._tokens = torch.tensor(tokens, device=device)
        self._own = torch.tensor(own, device=device)
        self._masks: dict[tuple[Run | None, int | None, int], Tensor] = {}

    def attend(self, heads: Heads) -> Tensor:
        """The attended values, (1, heads, row, head size); zero where nothing is decoded."""
        keys, values = self._cache.layer(heads)
        self._writer.write(keys, heads.key)
        self._writer.write(values, heads.value)
        _, count, row, _ = heads.query.shape
        rows = slice(self._place, self._place + self._count)
        queries = _padded(heads.query[0, :, rows].transpose(0, 1), keys.shape[1])
        parts = [
            *self._prefix_parts(heads, queries),
            *self._shared_parts(heads, queries, keys, values),
            *self._own_parts(heads, queries, keys, values),
        ]
        attended = joined(parts, self._count)[:, :, : count // keys.shape[1]]
        output = heads.value.new_zeros(row, count, values.shape[3])
        output[rows] = attended.flatten(1, 2)
        return output.transpose(0, 1)[None]

    def _prefix_parts(self, heads: Heads, queries: Tensor) -> Iterator[Part]:
        """The layer's prefix, which every slot sees."""
        if heads.prefix is not None:
            key, value = (part.expand(self._count, -1, -1, -1) for part in heads.prefix)
            attended, sums = attend_blocks(queries, key, value, None, heads.scale, heads.softcap)
            yield Part(slice(0, self._count), attended, sums)

    def _shared_parts(
        self, heads: Heads, queries: Tensor, keys: Tensor, values: Tensor
    ) -> Iterator[Part]:
        """The blocks of each shared run, for those who have it."""
        for run, rows in self._users:
            taken = slice(run.first, run.first + run.count)
            shape = len(rows), run.count, keys.shape[1], queries.shape[2]
            mask = None if heads.window is None else self._mask(heads, run)[rows].flatten(1, 2)
            # One call: the blocks' key heads stand side by side, and nothing is copied but queries.
            attended, sums = attend_blocks(
                queries[rows, None].expand(*shape, -1).flatten(1, 2),
                keys[taken].flatten(0, 1).expand(len(rows), *(-1,) * 3),
                values[taken].flatten(0, 1).expand(len(rows), *(-1,) * 3),
                mask,
                heads.scale,
                heads.softcap,
            )
            attended, sums = attended.view(*shape, -1), sums.view(shape)
            yield from (Part(rows, attended[:, at], sums[:, at]) for at in range(run.count))

    def _own_parts(
        self, heads: Heads, queries: Tensor, keys: Tensor, values: Tensor
    ) -> Iterator[Part]:
        """The blocks that slots have for their own, those of one level together."""
        mask = self._mask(heads, None)
        for level, rows in self._levels:
            slots = slice(self._first + rows.start, self._first + rows.stop)
            attended, sums = attend_blocks(
                queries[rows],
                self._cache.level(keys, level)[slots],
                self._cache.level(values, level)[slots],
                mask[rows, level],
                heads.scale,
                heads.softcap,
            )
            yield Part(rows, attended, sums)

    def _mask(self, heads: Heads, run: Run | None) -> Tensor:
        """What each slot sees of a shared run, or of its own: (slots, blocks, key heads, 1, BLOCK).

        It is added to the scores.
        """
        kind = (run, heads.window, heads.key.shape[1])
        if kind not in self._masks:
            start = self._own if run is None else torch.full_like(self._own, run.start)
            blocks = self._depth if run is None else run.count
            positions = torch.arange(blocks * BLOCK, device=self._device)
            positions = positions + (start * BLOCK)[:, None]
            seen = positions <= self._tokens[:, None]
            if heads.window is not None:
                seen &= positions > (self._tokens - heads.window)[:, None]
            mask = torch.zeros(seen.shape, dtype=heads.query.dtype, device=self._device)
            mask = mask.masked_fill_(~seen, _lowest(mask.dtype)).view(len(seen), blocks, 1, 1, -1)
            self._masks[kind] = mask.expand(-1, -1, heads.key.shape[1], -1, -1)
        return self._masks[kind]


def _levels(held: Mapping[int, Held]) -> Iterator[tuple[int, slice]]:
    """For each level of own blocks, the rows that have one, in stretches; idle ones fill gaps."""
    last = {row: it.tokens // BLOCK - it.own for row, it in sorted(held.items())}
    for level in range(max(last.values()) + 1):
        rows = [row for row, its in last.items() if its >= level]
        ends = [at for at in range(1, len(rows)) if rows[at] - rows[at - 1] > GAP]
        for start, end in itertools.pairwise([0, *ends, len(rows)]):
            yield level, slice(rows[start], rows[end - 1] + 1)


def _padded(queries: Tensor, key_heads: int) -> Tensor:
    """Queries by their key head, (n, heads, head size) to (n, key heads, rows, head size)."""
    n, count, size = queries.shape
    each = count // key_heads
    padded = queries.new_zeros(n, key_heads, -(-each // ALIGNED) * ALIGNED, size)
    padded[:, :, :each] = queries.reshape(n, key_heads, each, size)
    return padded


def _lowest(dtype: torch.dtype) -> float:
    """So low that its exponential is nothing beside any score's, and yet finite when added to."""
    return torch.finfo(dtype).min / 2
