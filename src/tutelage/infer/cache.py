"""Keys and values of the sequences being decoded, and attention over them.

Each sequence has a slot. A prompt fills its slot while it is read; then every step adds one token
to each slot. A slot is attended by a call of its own, over exactly the tokens it holds. One call
over all slots with a mask takes as long or up to a third less on a CPU, but its result was measured
to change in the last bit with the longest slot's length and with which thread came by; so here no
computation sees the other slots. The query heads that share a key head are taken together as rows
of one small matrix, so grouped-query attention copies nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from tutelage.model.attention import TreeLayout
from tutelage.model.attention.layout import Heads
from tutelage.prompt.tree import Segment

CPU_BYTES = 2 << 30
"""Most memory that slots are opened for on a CPU; on CUDA it is half of what is free."""
ALIGNED = 16
"""A slot's capacity is a multiple of this, so that slots are alike in how they lie in memory."""


class Cache:
    """Keys and values by layer, (slots, key heads, capacity, head size); made on first use.

    Args:
        slots: sequences at a time.
        capacity: most tokens of one sequence.
    """

    def __init__(self, slots: int, capacity: int) -> None:
        self.slots = slots
        self.capacity = -(-capacity // ALIGNED) * ALIGNED
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}

    def layer(self, heads: Heads) -> tuple[Tensor, Tensor]:
        """The layer's keys and values."""
        if heads.layer not in self._layers:
            self._layers[heads.layer] = (self._empty(heads.key), self._empty(heads.value))
        return self._layers[heads.layer]

    def _empty(self, like: Tensor) -> Tensor:
        # Not zeros: a CPU gives pages to what is written only, so a long slot costs what it holds.
        return like.new_empty(self.slots, like.shape[1], self.capacity, like.shape[3])


def memory_budget(device: torch.device) -> int:
    """Bytes that a cache may take."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free // 2
    return CPU_BYTES


class SizeLayout:
    """Attends nothing; adds up the bytes that the row's tokens would take in a cache."""

    def __init__(self) -> None:
        self.bytes = 0

    def attend(self, heads: Heads) -> Tensor:
        """Zeros, (1, heads, tokens, head size)."""
        self.bytes += heads.key.nbytes + heads.value.nbytes
        return heads.value.new_zeros(*heads.query.shape[:3], heads.value.shape[3])


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
    """One new token in each of some slots; the row begins with these and may be padded.

    Args:
        cache: what the slots hold so far.
        slots: the slots, in the order of the row.
        held: tokens that each of them holds, the new one not counted.
        device: where the cache is.
    """

    def __init__(
        self, cache: Cache, slots: Sequence[int], held: Sequence[int], device: torch.device
    ) -> None:
        self._cache = cache
        self._slots = slots
        self._held = held
        self._places = torch.tensor([slots, held], device=device)

    def attend(self, heads: Heads) -> Tensor:
        """The attended values, (1, heads, row, head size); zero in the padding of the row."""
        keys, values = self._cache.layer(heads)
        self._write(keys, heads.key)
        self._write(values, heads.value)
        _, count, row, size = heads.query.shape
        queries = heads.query[0].transpose(0, 1).reshape(row, keys.shape[1], -1, size)
        output = heads.value.new_zeros(row, count, values.shape[3])
        for at, (slot, held) in enumerate(zip(self._slots, self._held, strict=True)):
            last = held + 1
            first = 0 if heads.window is None else max(0, last - heads.window)
            attended = scaled_dot_product_attention(
                queries[at : at + 1],
                keys[slot : slot + 1, :, first:last],
                values[slot : slot + 1, :, first:last],
                scale=heads.scale,
            )
            output[at] = attended.view(count, -1)
        return output.transpose(0, 1)[None]

    def _write(self, cached: Tensor, new: Tensor) -> None:
        """Add the new token of each slot, (1, key heads, row, head size), to what it holds."""
        slots, held = self._places
        cached[slots, :, held] = new[0, :, : len(self._slots)].transpose(0, 1)
