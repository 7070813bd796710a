"""Attention of a decoding step: one new token in each of some sequences.

Each block of keys is attended by itself, and the results are put together as their softmax weighs
them (see `block_attention`). The blocks of a prefix are read where they lie by all sequences that
share it. A block is computed in the same way, in the same shape, whether it is shared or not, and
its part is added in the order of positions; so no result depends on which other sequences there
are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tutelage.infer.block_attention import Blocks, Piece, attend_blocks
from tutelage.infer.cache import BLOCK, Cache, Writer
from tutelage.model.attention.layout import Heads

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
    """One new token in each of some slots.

    Args:
        cache: what they hold.
        held: the same by slot, at least one, in the order of the row, which they may not fill.
        device: where the cache is.
    """

    def __init__(self, cache: Cache, held: Mapping[int, Held], device: torch.device) -> None:
        self._cache = cache
        self._first = min(held)
        self._count = max(held) + 1 - self._first
        self._device = device
        blocks, offsets = [], []
        tokens, own = [-1] * self._count, [0] * self._count  # a slot between them sees nothing
        users: dict[Run, list[int]] = {}
        for slot, it in held.items():
            row = slot - self._first
            tokens[row], own[row] = it.tokens, it.own
            block, offset = divmod(it.tokens, BLOCK)
            blocks.append(cache.own(slot, block - it.own))
            offsets.append(offset)
            for run in it.shared:
                users.setdefault(run, []).append(row)
        self._writer = Writer(range(len(held)), blocks, offsets, device)
        self._slots = torch.tensor([slot - self._first for slot in held], device=device)
        self._levels = list(_levels({s - self._first: it for s, it in held.items()}))
        self._depth = 1 + max(level for level, _ in self._levels)
        cache.use(self._depth)
        self._users = [
            (run, torch.tensor(users[run], device=device))
            for run in sorted(users, key=lambda run: run.start)
        ]
        self._tokens = torch.tensor(tokens, device=device)
        self._masks: dict[int | None, Tensor] = {}
        # Whose each block is, and which of their blocks, in the order of the pieces.
        whose = [
            row for run, rows in self._users for row in rows.tolist() for _ in range(run.count)
        ]
        starts = [
            run.start + at for run, rows in self._users for _ in rows for at in range(run.count)
        ]
        for level, stretch in self._levels:
            whose += range(stretch.start, stretch.stop)
            starts += [own[row] + level for row in range(stretch.start, stretch.stop)]
        self._places, self._starts = torch.tensor([whose, starts], device=device)

    def attend(self, heads: Heads) -> Tensor:
        """The attended values, (1, heads, row, head size); zero where nothing is decoded."""
        keys, values = self._cache.layer(heads)
        self._writer.write(keys, heads.key)
        self._writer.write(values, heads.value)
        _, count, row, _ = heads.query.shape
        taken = len(self._slots)
        queries = heads.query.new_zeros(self._count, count, heads.query.shape[3])
        queries[self._slots] = heads.query[0, :, :taken].transpose(0, 1)
        queries = queries.view(self._count, keys.shape[1], -1, queries.shape[2])
        groups = [*self._prefix(heads), self._blocks(heads, keys, values)]
        attended = attend_blocks(queries, groups, heads.scale, heads.softcap).flatten(1, 2)
        output = heads.value.new_zeros(row, count, values.shape[3])
        output[:taken] = attended[self._slots]
        return output.transpose(0, 1)[None]

    def _prefix(self, heads: Heads) -> Iterator[Blocks]:
        """The layer's prefix, which every slot sees."""
        if heads.prefix is not None:
            (key,), (value,) = heads.prefix
            everyone = slice(0, self._count)
            places = torch.arange(self._count, device=self._device)
            yield Blocks([Piece(everyone, key, value)], places, None)

    def _blocks(self, heads: Heads, keys: Tensor, values: Tensor) -> Blocks:
        """The blocks of each shared run, for those who have it, and then those of their own."""
        pieces = []
        for run, rows in self._users:
            # The blocks' key heads stand side by side, and nothing is copied but queries.
            taken = slice(run.first, run.first + run.count)
            pieces.append(Piece(rows, keys[taken].flatten(0, 1), values[taken].flatten(0, 1)))
        for level, stretch in self._levels:
            slots = slice(self._first + stretch.start, self._first + stretch.stop)
            its_keys, its_values = (self._cache.level(one, level)[slots] for one in (keys, values))
            pieces.append(Piece(stretch, its_keys, its_values))
        return Blocks(pieces, self._places, self._mask(heads))

    def _mask(self, heads: Heads) -> Tensor:
        """What is seen of each block, (blocks, 1, 1, BLOCK); it is added to the scores."""
        if heads.window not in self._masks:
            positions = (self._starts * BLOCK)[:, None] + torch.arange(BLOCK, device=self._device)
            tokens = self._tokens[self._places][:, None]
            seen = positions <= tokens
            if heads.window is not None:
                seen &= positions > tokens - heads.window
            mask = torch.zeros(seen.shape, dtype=heads.query.dtype, device=self._device)
            mask.masked_fill_(~seen, torch.finfo(mask.dtype).min / 2)  # finite when added to
            self._masks[heads.window] = mask[:, None, None]
        return self._masks[heads.window]


def _levels(held: Mapping[int, Held]) -> Iterator[tuple[int, slice]]:
    """For each level of own blocks, the rows that have one, in stretches; idle ones fill gaps."""
    last = {row: it.tokens // BLOCK - it.own for row, it in sorted(held.items())}
    for level in range(max(last.values()) + 1):
        rows = [row for row, its in last.items() if its >= level]
        ends = [at for at in range(1, len(rows)) if rows[at] - rows[at - 1] > GAP]
        for start, end in itertools.pairwise([0, *ends, len(rows)]):
            yield level, slice(rows[start], rows[end - 1] + 1)
