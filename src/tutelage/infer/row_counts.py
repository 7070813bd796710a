"""Passes of fewer rows than usual, where that gives each row the same to the last bit.

A product of 16 rows and one of 64 may round differently, which is why passes have a fixed number of
rows and free ones idle. But many libraries do not: MKL's float32 products on an AMD EPYC gave a row
the same in any multiple of 8 rows, and took time in proportion. That is no promise: it is tried on
the very model, before it is relied on. Whatever comes of it, only speed depends on it.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.infer.step_logits import step_logits
from tutelage.model.attention import using
from tutelage.model.attention.layout import Heads
from tutelage.model.families import Family

PARTS = 4
"""Counts that are tried: so many parts of the usual one, and their multiples."""


class RowCounts:
    """How many rows a pass may have.

    A trial takes as long as 2.5 usual passes. It is made once as many rows have idled in vain: so
    few passes never pay for one, and many soon have it behind them.

    Args:
        family: the model's kind.
        model: the model, in the state in which it will be used.
        usual: rows of a pass that gives a row what it is to be given.
        headed: whether logits are computed of a pass's rows, too.
    """

    def __init__(
        self, family: Family, model: PreTrainedModel, usual: int, *, headed: bool = False
    ) -> None:
        self.usual = usual
        self._family = family
        self._model = model
        self._headed = headed
        part = usual // PARTS
        self._counts = [part * parts for parts in range(1, PARTS)] if part else []
        self._same = [usual]
        self._unspent = usual + sum(self._counts)  # rows, before a trial

    def for_pass(self, rows: int) -> int:
        """How many rows a pass of so many is to have; it may try which do."""
        spared = self.usual - next((one for one in self._counts if one >= rows), self.usual)
        if spared and self._unspent > 0:
            self._unspent -= spared
            if self._unspent <= 0:
                self._same = [*self._tried(), self.usual]
        return self.known(rows)

    def known(self, rows: int) -> int:
        """The least count that holds some rows, and is known to give them the same."""
        return next(count for count in self._same if count >= rows)

    def _tried(self) -> list[int]:
        embedded = cast(Tensor, self._model.get_input_embeddings().weight)
        device = self._model.device
        random = torch.Generator().manual_seed(0)
        ids = torch.randint(len(embedded), (1, self.usual), generator=random).to(device)
        usual = self._pass(ids)
        return [
            count
            for count in self._counts
            if all(
                torch.equal(some, all_of_it[:count])
                for some, all_of_it in zip(self._pass(ids[:, :count]), usual, strict=True)
            )
        ]

    def _pass(self, ids: Tensor) -> list[Tensor]:
        positions = torch.arange(ids.shape[1], device=ids.device)[None]
        with using(_EachItself()):
            hidden = self._family.hidden_states(self._model, ids, positions)
        if not self._headed:
            return [hidden]
        logits = step_logits(self._family, self._model, hidden, len(hidden))
        return [hidden, logits, logits.logsumexp(dim=1)]


class _EachItself:
    """Every token attends itself alone: what is tried is all but the attention."""

    def attend(self, heads: Heads) -> Tensor:
        """Its own value, (1, heads, tokens, value size)."""
        shared = heads.query.shape[1] // heads.value.shape[1]
        return heads.value.repeat_interleave(shared, dim=1)
