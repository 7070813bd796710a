"""Attention while prompts are read, several in one row.

What a token gets must not depend on what is read beside it, or on how much of its prompt is shared
or was read before. So attention is computed in pieces that are fixed by the token's position: the
queries of `QUERIES` positions, on all keys up to the end of their block. Where only some of these
tokens are in the row, the other queries are there as zeros, and their results are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tutelage.infer.cache import BLOCK, Cache, Table, Writer, blocks_for
from tutelage.model.attention.layout import Heads
from tutelage.model.attention.product import attend

QUERIES = 8
"""Positions whose queries are attended together; a block has a whole number of them. The kernel
wants rows filled up to a multiple of 8 (`block_attention.ALIGNED`). A whole block costs the same in
pieces of 8 to 32, while a few tokens behind 512 others, such as one of many choices, cost 2.8 times
as much in a piece of 32 (benchmarks/RESULTS.md, "All suites at once")."""


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
        self._longest = max(blocks_for(chunk.end) for chunk in chunks)
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
        gathered = _Gathered(keys, self._longest), _Gathered(values, self._longest)
        row = 0
        for chunk in self._chunks:
            table = chunk.table[: blocks_for(chunk.end)]
            held = gathered[0].of(table), gathered[1].of(table)
            for start, end in chunk.pieces():
                rows = slice(row, row + end - start)
                output[rows] = self._attend(heads, queries[rows], start, held)
                row = rows.stop
        return output.transpose(0, 1)[None]

    def _attend(
        self, heads: Heads, queries: Tensor, start: int, held: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Some queries of one block, (queries, heads, head size), from position `start` on."""
        count, size = queries.shape[1:]
        seen = (start // BLOCK + 1) * BLOCK
        keys, values = (one[:, :, :seen] for one in held)
        shared = count // keys.shape[1]  # query heads to a key head: rows of one product
        first = start % BLOCK // QUERIES
        pieces = blocks_for(start % QUERIES + len(queries), QUERIES)
        within = slice(start % QUERIES, start % QUERIES + len(queries))
        padded = queries.new_zeros(pieces * QUERIES, count, size)
        padded[within] = queries
        rows = padded.view(pieces, QUERIES, -1, shared, size).permute(0, 2, 3, 1, 4)
        attended = attend(
            heads,
            rows.reshape(pieces, -1, shared * QUERIES, size),
            keys.expand(pieces, -1, -1, -1),
            values.expand(pieces, -1, -1, -1),
            self._mask(seen, shared, heads.window)[first : first + pieces],
        )
        each = attended.view(pieces, count, QUERIES, -1).transpose(1, 2)
        return each.reshape(pieces * QUERIES, count, -1)[within]

    def _mask(self, seen: int, shared: int, window: int | None) -> Tensor:
        """(pieces, 1, shared * QUERIES, seen) bool: queries of the last block of so many keys."""
        kind = (seen, shared, window)
        if kind not in self._masks:
            visible = torch.ones(BLOCK, seen, dtype=torch.bool, device=self._device)
            visible = visible.tril(seen - BLOCK)
            if window is not None:
                visible = visible.triu(seen - BLOCK - window + 1)
            pieces = visible.view(-1, 1, QUERIES, seen)
            self._masks[kind] = pieces.repeat(1, 1, shared, 1)
        return self._masks[kind]


class _Gathered:
    """A sequence's keys or values in one piece; what the next has in common with it stays.

    Args:
        pool: blocks, (blocks, key heads, BLOCK, head size).
        longest: most blocks of a sequence.
    """

    def __init__(self, pool: Tensor, longest: int) -> None:
        _, heads, block, size = pool.shape
        self._pool = pool
        self._blocks = pool.new_empty(heads, longest, block, size)
        self._table: Table = ()

    def of(self, table: Table) -> Tensor:
        """Those in a sequence's blocks, (1, key heads, tokens, head size), until the next."""
        pairs = enumerate(zip(table, self._table, strict=False))
        shorter = min(len(table), len(self._table))
        same = next((at for at, (one, other) in pairs if one != other), shorter)
        if same < len(table):
            rest = self._pool[list(table[same:])]
            self._blocks[:, same : len(table)] = rest.transpose(0, 1)
        self._table = table
        return self._blocks.flatten(1, 2)[None]
