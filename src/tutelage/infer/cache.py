"""Keys and values of the sequences being decoded, and attention over them.

Each sequence has a slot. A prompt fills its slot while it is read; then every step adds one token
to each slot. The query heads that share a key head are taken together as rows of one small
matrix, so grouped-query attention copies nothing. Lengths are rounded up and masked: an attended
value is the same to the last bit whatever stands in the other slots (test_decoder proves it).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from tutelage.model.attention import TreeLayout
from tutelage.model.attention.layout import Heads
from tutelage.prompt.tree import Segment

BLOCK = 64
"""Keys are attended in multiples of this many tokens."""


def blocks(tokens: int) -> int:
    """`tokens` rounded up to whole blocks."""
    return -(-tokens // BLOCK) * BLOCK


class Cache:
    """Keys and values by layer, (slots, key heads, capacity, head size); made on first use.

    Args:
        slots: sequences at a time.
        capacity: most tokens of one sequence.
    """

    def __init__(self, slots: int, capacity: int) -> None:
        self.slots = slots
        self.capacity = blocks(capacity)
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}

    def layer(self, heads: Heads) -> tuple[Tensor, Tensor]:
        """The layer's keys and values."""
        if heads.layer not in self._layers:
            self._layers[heads.layer] = (self._empty(heads.key), self._empty(heads.value))
        return self._layers[heads.layer]

    def _empty(self, like: Tensor) -> Tensor:
        # Zeros, not garbage: a masked NaN would still poison the sum it is multiplied into.
        return like.new_zeros(self.slots, like.shape[1], self.capacity, like.shape[3])


class PromptLayout:
    """Causal attention over one prompt, kept in a slot."""

    def __init__(self, cache: Cache, slot: int, tokens: int, device: torch.device) -> None:
        self._cache = cache
        self._slot = slot
        self._tokens = tokens
        self._tree = TreeLayout([Segment(0, tokens, -1)], device)

    def attend(self, heads: Heads) -> Tensor:
        """The attended values, (1, heads, tokens, head size)."""
        keys, values = self._cache.layer(heads)
        keys[self._slot, :, : self._tokens] = heads.key[0]
        values[self._slot, :, : self._tokens] = heads.value[0]
        return self._tree.attend(heads)


class StepLayout:
    """One new token in each of a run of slots.

    Args:
        cache: what the slots hold so far.
        slots: the run of slots; the row of tokens begins with theirs and may be padded.
        lengths: (slots in the run,) tokens held by each, the new one not counted; free slots 0.
    """

    def __init__(self, cache: Cache, slots: slice, lengths: Tensor) -> None:
        self._cache = cache
        self._slots = slots
        self._lengths = lengths
        self._run = torch.arange(len(lengths), device=lengths.device)
        self._attended = blocks(int(lengths.max()) + 1)
        self._places = torch.arange(self._attended, device=lengths.device)
        self._masks: dict[int | None, Tensor] = {}

    def attend(self, heads: Heads) -> Tensor:
        """The attended values, (1, heads, row, head size); zero in the padding of the row."""
        run, attended = len(self._lengths), self._attended
        keys, values = (tensor[self._slots] for tensor in self._cache.layer(heads))
        keys[self._run, :, self._lengths] = heads.key[0, :, :run].transpose(0, 1)
        values[self._run, :, self._lengths] = heads.value[0, :, :run].transpose(0, 1)
        _, count, row, size = heads.query.shape
        key_heads = keys.shape[1]
        query = heads.query[0, :, :run].view(key_heads, count // key_heads, run, size)
        output = scaled_dot_product_attention(
            query.permute(2, 0, 1, 3),
            keys[:, :, :attended],
            values[:, :, :attended],
            attn_mask=self._mask(heads.window),
            scale=heads.scale,
        )
        padded = heads.query.new_zeros(1, count, row, size)
        padded[0, :, :run] = output.permute(1, 2, 0, 3).reshape(count, run, size)
        return padded

    def _mask(self, window: int | None) -> Tensor:
        """(slots, 1, 1, attended) bool."""
        if window not in self._masks:
            visible = self._places <= self._lengths[:, None]
            if window is not None:
                visible &= self._places > self._lengths[:, None] - window
            self._masks[window] = visible[:, None, None]
        return self._masks[window]
