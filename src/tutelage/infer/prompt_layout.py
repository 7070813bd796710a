"""Attention while prompts are read, several in one row.

What a token gets must not depend on what is read beside it, or on how much of its prompt is shared
or was read before. So attention is computed in pieces that are fixed by the token's position: the
queries of a block of `BLOCK` positions, on all keys up to that block's end. Where only some of the
block's tokens are in the row, the other queries are there as zeros, and their results are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tutelage.infer.cache import BLOCK, Cache, Table, Writer, blocks_for
from tutelage.model.attention.layout import Heads
from tutelage.model.attention.product import attend


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring tokens of one sequence in a row.

    Attributes:
        ids: the tokens, at least one.
        start: position of the first.
        table: the blocks of the sequence.
        continued: block to begin with a copy of, where the first token is not a block's first.
        last: whether it ends what is to be read of the sequence.
    """

    ids: tuple[int, ...]
    start: int
    table: Table
    continued: int | None = None
    last: bool = True

    @property
    def end(self) -> int:
        """Position after the last token."""
        return self.start + len(self.ids)

    def pieces(self) -> Iterator[tuple[int, int]]:
        """First and last position, this not included, of the tokens in each block."""
        start = self.start
        while start < self.end:
            end = min(self.end, (start // BLOCK + 1) * BLOCK)
            yield start, end
            start = end


class PromptLayout:
    """Attention over chunks, on what the cache holds and on themselves; all are then in the cache.

    Args:
        cache: where the sequences' blocks are.
        chunks: in the order of the row, which they may not fill; a sequence comes after what it
            continues.
        device: where the cache is.
    """

    def __init__(self, cache: Cache, chunks: Sequence[Chunk], device: torch.device) -> None:
        self._cache = cache
        self._chunks = chunks
        self._device = device
        self._masks: dict[tuple[int, int, int | None], Tensor] = {}
        places = [(c.table[p // BLOCK], p % BLOCK) for c in chunks for p in range(c.start, c.end)]
        # The blocks to copy, and to where, by the first block and how many of its tokens.
        self._copies: dict[tuple[int, int], list[int]] = {}
        for chunk in chunks:
            if chunk.continued is not None:
                kept = (chunk.continued, chunk.start % BLOCK)
                self._copies.setdefault(kept, []).append(chunk.table[chunk.start // BLOCK])
        blocks, offsets = zip(*places, strict=True)
        self._writer = Writer(range(len(blocks)), blocks, offsets, device)

    def attend(self, heads: Heads) -> Tensor:
        """The attended values, (1, heads, row, head size); zero where the row is not filled."""
        keys, values = self._cache.layer(heads)
        for pool, new in ((keys, heads.key), (values, heads.value)):
            self._writer.write(pool, new)
            for (source, kept), targets in self._copies.items():
                pool[targets, :, :kept] = pool[source, :, :kept]
        queries = heads.query[0].transpose(0, 1)
        output = heads.value.new_zeros(*queries.shape[:2], values.shape[3])
        row = 0
        for chunk in self._chunks:
            table = list(chunk.table[: blocks_for(chunk.end)])
            held = _gathered(keys, table), _gathered(values, table)
            for start, end in chunk.pieces():
                rows = slice(row, row + end - start)
                output[rows] = self._attend(heads, queries[rows], start, held)
                row = rows.stop
        return output.transpose(0, 1)[None]

    def _attend(
        self, heads: Heads, queries: Tensor, start: int, held: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Some queries of one block, (queries, heads, head size), from position `start` on."""
        keys, values = held
        count, size = queries.shape[1:]
        shared = count // keys.shape[1]  # query heads to a key head: rows of one product
        within = slice(start % BLOCK, start % BLOCK + len(queries))
        padded = queries.new_zeros(BLOCK, count, size)
        padded[within] = queries
        rows = padded.view(BLOCK, -1, shared, size).permute(1, 2, 0, 3)
        seen = (start // BLOCK + 1) * BLOCK
        attended = attend(
            heads,
            rows.reshape(1, -1, shared * BLOCK, size),
            keys[:, :, :seen],
            values[:, :, :seen],
            self._mask(seen, shared, heads.window),
        )
        return attended.view(count, BLOCK, -1)[:, within].transpose(0, 1)

    def _mask(self, seen: int, shared: int, window: int | None) -> Tensor:
        """(shared * BLOCK, seen) bool: the queries of the last block of so many keys."""
        kind = (seen, shared, window)
        if kind not in self._masks:
            visible = torch.ones(BLOCK, seen, dtype=torch.bool, device=self._device)
            visible = visible.tril(seen - BLOCK)
            if window is not None:
                visible = visible.triu(seen - BLOCK - window + 1)
            self._masks[kind] = visible.repeat(shared, 1)
        return self._masks[kind]


def _gathered(pool: Tensor, table: list[int]) -> Tensor:
    """A sequence's keys or values in one piece, (1, key heads, tokens, head size)."""
    _, heads, _, size = pool.shape
    return pool[table].transpose(0, 1).reshape(1, heads, len(table) * BLOCK, size)
