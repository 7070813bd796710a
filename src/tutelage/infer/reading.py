"""Reading prompts into the cache, each shared stretch of them once.

Prompts are read together, without padding between them: they fill rows of a fixed number of
tokens, and one goes on in the next row where it must. A matrix product of the same number of rows
gives a token the same values wherever it stands, so what is read does not depend on the company.
A last row is shorter where that was tried and is the same (`row_counts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.infer.cache import BLOCK, Cache, Table, blocks_for
from tutelage.infer.prefixes import Prefixes
from tutelage.infer.prompt_layout import Chunk, PromptLayout
from tutelage.infer.row_counts import RowCounts
from tutelage.infer.waves import Ongoing, Wave
from tutelage.model.attention import using
from tutelage.model.families import Family

PROMPT_ROWS = 128
"""Tokens read at a time. On a CPU a token then costs little more than in the longest rows (277 of
297 GFLOP/s, at 256), and a short prompt alone does not wait for many more that are not there."""


class PromptReader:
    """Reads the prompts of a wave.

    Args:
        family: the model's kind.
        model: the model.
        cache: of the wave.
        wave: whose sequences are read.
        prefixes: of all prompts.
        rows: tokens in a row.
        padded: whether rows are filled up; if not, what is read depends on how much is read.
    """

    def __init__(
        self,
        family: Family,
        model: PreTrainedModel,
        cache: Cache,
        wave: Wave,
        prefixes: Prefixes,
        *,
        rows: int = PROMPT_ROWS,
        padded: bool = True,
    ) -> None:
        self.family = family
        self.model = model
        self.rows = rows
        self.padded = padded
        self._cache = cache
        self._wave = wave
        self._stretches = prefixes.stretches
        self._counts = RowCounts(family, model, rows)
        self._tables: dict[int, Table] = {}  # of shared stretches that have been read
        self._ends: dict[int, Tensor] = {}  # the last hidden state of these

    def unread(self, sequence: Ongoing) -> int:
        """Tokens of its prompt that are not in the cache."""
        return sum(len(self._stretches[at].ids) for at in sequence.path if at not in self._tables)

    def read(self, newcomers: Mapping[int, Ongoing]) -> Tensor:
        """Read prompts into their slots.

        Args:
            newcomers: by slot.

        Returns:
            The hidden state of each prompt's last token, (newcomers, width).
        """
        texts, owners = self._texts(newcomers)
        ends = [
            hidden[row].clone()
            for chunks, hidden in self._passes(texts)
            for row in _last_rows(chunks)
        ]
        read = dict(zip(owners, ends, strict=True))
        self._ends |= {at: end for at, end in read.items() if self._stretches[at].shared}
        self._copy_ends(newcomers)
        last = (sequence.path[-1] for sequence in newcomers.values())
        return torch.stack([self._ends[at] if at in self._ends else read[at] for at in last])

    def read_states(self, newcomers: Mapping[int, Ongoing]) -> dict[int, Tensor]:
        """The same for all tokens: by stretch that was not read before, (tokens, width)."""
        texts, owners = self._texts(newcomers)
        if not texts:
            return {}
        passes = self._passes(texts)
        filled = (hidden[: sum(len(c.ids) for c in chunks)] for chunks, hidden in passes)
        states = torch.split(torch.cat(list(filled)), [len(text.ids) for text in texts])
        return dict(zip(owners, states, strict=True))

    def _texts(self, newcomers: Mapping[int, Ongoing]) -> tuple[list[Chunk], list[int]]:
        """What there is to read, parents first, and of which stretch it is."""
        needed = (blocks_for(len(it.prompt)) - it.own for it in newcomers.values())
        self._cache.use(max(needed))
        texts: list[Chunk] = []
        owners: list[int] = []
        for slot, sequence in newcomers.items():
            for at in sequence.path:
                if at in self._tables:
                    continue
                shared = self._stretches[at].shared
                texts.append(self._text(at, None if shared else slot))
                owners.append(at)
                if shared:
                    self._tables[at] = texts[-1].table
        return texts, owners

    def _text(self, at: int, slot: int | None) -> Chunk:
        """A stretch, to be put into a slot's own blocks, or where shared ones are."""
        stretch = self._stretches[at]
        above = self._tables[stretch.parent] if stretch.parent >= 0 else ()
        whole, rest = divmod(stretch.start, BLOCK)
        blocks = range(blocks_for(stretch.end) - whole)
        if slot is None:
            own = [self._wave.shared[at] + block for block in blocks]
        else:
            own = [self._cache.own(slot, block) for block in blocks]
        continued = above[whole] if rest else None
        return Chunk(stretch.ids, stretch.start, (*above[:whole], *own), continued)

    def _copy_ends(self, newcomers: Mapping[int, Ongoing]) -> None:
        """Let sequences continue a prompt that others share to its end."""
        copies = [
            (self._tables[it.path[-1]][-1], self._cache.own(slot, 0))
            for slot, it in newcomers.items()
            if it.path[-1] in self._tables and len(it.prompt) % BLOCK
        ]
        if copies:
            self._cache.copy(*zip(*copies, strict=True))

    def _passes(self, texts: Sequence[Chunk]) -> Iterator[tuple[list[Chunk], Tensor]]:
        """Read texts row by row; the hidden states of a row, (row, width)."""
        device = self.model.device
        for chunks in packs(texts, self.rows):
            ids = [token for chunk in chunks for token in chunk.ids]
            positions = [at for chunk in chunks for at in range(chunk.start, chunk.end)]
            filled = self._counts.for_pass(len(ids)) if self.padded else len(ids)
            idle = [0] * (filled - len(ids))
            row = torch.tensor([ids + idle, positions + idle], device=device)
            with using(PromptLayout(self._cache, chunks, device)):
                yield chunks, self.family.hidden_states(self.model, row[:1], row[1:])


def packs(texts: Sequence[Chunk], rows: int) -> Iterator[list[Chunk]]:
    """Cut texts into rows of at most so many tokens, filled to the last."""
    chunks: list[Chunk] = []
    room = rows
    for text in texts:
        at = 0
        while at < len(text.ids):
            ids = text.ids[at : at + room]
            continued = None if at else text.continued
            last = text.last and at + len(ids) == len(text.ids)
            chunks.append(Chunk(ids, text.start + at, text.table, continued, last))
            at, room = at + len(ids), room - len(ids)
            if not room:
                yield chunks
                chunks, room = [], rows
    if chunks:
        yield chunks


def _last_rows(chunks: Sequence[Chunk]) -> Iterator[int]:
    """Places in the row of the tokens that end a text."""
    row = -1
    for chunk in chunks:
        row += len(chunk.ids)
        if chunk.last:
            yield row
