"""Attention of one new token of each answer that an encoder-decoder is writing.

A row of the step belongs to a slot. Its token attends the answer so far, whose keys and values the
slot keeps, and its source. Every slot is a call of its own, on exactly its own keys, so nothing
depends on the other slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tutelage.infer.sources import Kept
from tutelage.model.attention.layout import Heads
from tutelage.model.attention.product import attend


@dataclass(slots=True)
class Slot:
    """What is kept of one answer.

    Attributes:
        source: keys and values of its source.
        room: most tokens of the answer that will be kept.
        held: tokens that are kept.
        answer: by layer, (1, key heads, room, head size) keys and values.
    """

    source: Kept
    room: int
    held: int = 0
    answer: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def extended(self, heads: Heads, row: int) -> tuple[Tensor, Tensor]:
        """A layer's keys and values of the answer so far, those of the row's token put last."""
        if heads.layer not in self.answer:
            self.answer[heads.layer] = (
                _room(heads.key, self.room),
                _room(heads.value, self.room),
            )
        kept = self.answer[heads.layer]
        for pool, new in zip(kept, (heads.key, heads.value), strict=True):
            pool[:, :, self.held] = new[:, :, row]
        keys, values = (pool[:, :, : self.held + 1] for pool in kept)
        return keys, values


class WritingLayout:
    """Attention of a step.

    Args:
        slots: by row of the step; other rows are idle and get zeros.
    """

    def __init__(self, slots: Mapping[int, Slot]) -> None:
        self._slots = slots

    def attend(self, heads: Heads) -> Tensor:
        """The attended values, (1, heads, rows, head size)."""
        query = heads.query
        attended = heads.value.new_zeros(*query.shape[:3], heads.value.shape[3])
        for row, slot in self._slots.items():
            one = query[:, :, row : row + 1]
            if heads.role == "cross":
                found = attend(heads, one, *slot.source[heads.layer])
            else:
                keys, values = slot.extended(heads, row)
                found = attend(heads, one, keys, values, _bias(heads.bias, slot.held))
            attended[:, :, row] = found[:, :, 0]
        return attended


def _bias(bias: Tensor | None, position: int) -> Tensor | None:
    """What is added to the scores of the tokens up to this position, (heads, 1, tokens)."""
    if bias is None:
        return None
    own = bias.shape[1] // 2
    return bias[:, None, own - position : own + 1]


def _room(like: Tensor, tokens: int) -> Tensor:
    return torch.empty(
        1, like.shape[1], tokens, like.shape[3], dtype=like.dtype, device=like.device
    )
