"""Keys and values of what is being decoded, in blocks of `BLOCK` tokens.

Token p of a sequence lies in its block p // BLOCK, wherever in the pool that is: so sequences with
a common prefix have its blocks in common, as in vLLM's paged attention (Kwon et al. 2023), and
attention can be computed block by block, in the same pieces whether a block is shared or not. The
last block of a shared prefix is mostly a part of one; whoever continues it begins with a copy.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.model.attention import using
from tutelage.model.attention.layout import Heads
from tutelage.model.families import Family

BLOCK = 32
"""Tokens of a block. A larger one is a little faster to attend (64 tokens: 10 %) and wastes more of
what it holds in the last block of each sequence."""
CPU_BYTES = 2 << 30
"""Most memory that a cache takes on a CPU; on CUDA it is half of what is free."""

Table = tuple[int, ...]
"""The blocks of a sequence, in the order of its tokens, by their place in the pool."""


def blocks_for(tokens: int, size: int = BLOCK) -> int:
    """How many blocks of a size hold so many tokens."""
    return -(-tokens // size)


class Cache:
    """A pool of blocks: keys and values by layer, (blocks, key heads, BLOCK, head size).

    The slots' first blocks lie side by side, then their second ones, and so on: a step attends the
    blocks of one level together.

    Args:
        sizes: blocks that each slot has for its own, falling; a slot is a sequence at a time.
        shared: further blocks, for what sequences share.
    """

    def __init__(self, sizes: Sequence[int], shared: int = 0) -> None:
        self.sizes = tuple(sizes)
        self.shared = shared
        counts = (sum(size > level for size in sizes) for level in range(max(sizes)))
        self._levels = (0, *itertools.accumulate(counts))
        self._used = 0
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}

    def own(self, slot: int, block: int) -> int:
        """Place in the pool of a slot's own block."""
        assert block < self.sizes[slot]
        return self._levels[block] + slot

    def level(self, pool: Tensor, block: int) -> Tensor:
        """This block of every slot that has it, (slots, key heads, BLOCK, head size)."""
        return pool[self._levels[block] : self._levels[block + 1]]

    def layer(self, heads: Heads) -> tuple[Tensor, Tensor]:
        """The layer's keys and values; made on first use."""
        if heads.layer not in self._layers:
            self._layers[heads.layer] = (self._pool(heads.key), self._pool(heads.value))
        return self._layers[heads.layer]

    def use(self, size: int) -> None:
        """Make sure that so many blocks of every slot hold numbers, whichever they are."""
        if size > self._used:
            for pools in self._layers.values():
                for pool in pools:
                    pool[self._levels[self._used] : self._levels[size]] = 0
            self._used = size

    def copy(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Copy blocks as a whole, in every layer."""
        for pools in self._layers.values():
            for pool in pools:
                pool[list(targets)] = pool[list(sources)]

    def _pool(self, like: Tensor) -> Tensor:
        # A CPU gives memory to what is written only, so room for a long answer costs nothing
        # before it comes: this is why the slots' blocks are not cleared before they are used.
        own = self._levels[-1]
        pool = like.new_empty(own + self.shared, like.shape[1], BLOCK, like.shape[3])
        pool[: self._levels[self._used]] = 0
        pool[own:] = 0
        return pool


class Writer:
    """Puts the keys and values of a row's tokens into blocks, the same in every layer.

    Args:
        rows: the tokens, by their place in the row.
        blocks: for each of them its block in the pool.
        offsets: for each its place in the block.
        device: where the cache is.
    """

    def __init__(
        self,
        rows: Sequence[int],
        blocks: Sequence[int],
        offsets: Sequence[int],
        device: torch.device,
    ) -> None:
        self._places = torch.tensor([rows, blocks, offsets], device=device)

    def write(self, pool: Tensor, new: Tensor) -> None:
        """Write the row's keys or values, (1, key heads, row, head size), into their pool."""
        rows, blocks, offsets = self._places
        pool[blocks, :, offsets] = new[0].transpose(0, 1)[rows]


def memory_budget(device: torch.device) -> int:
    """Bytes that a cache may take."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free // 2
    return CPU_BYTES


def room_for(family: Family, model: PreTrainedModel) -> int:
    """How many blocks a cache may have."""
    return memory_budget(model.device) // (BLOCK * bytes_a_token(family, model))


def bytes_a_token(family: Family, model: PreTrainedModel) -> int:
    """What a token takes in a cache, found by reading one."""
    nothing = torch.zeros(1, 1, dtype=torch.int64, device=model.device)
    layout = _SizeLayout()
    with using(layout):
        family.hidden_states(model, nothing, nothing)
    return layout.bytes


class _SizeLayout:
    """Attends nothing; adds up the bytes that the row's tokens would take in a cache."""

    def __init__(self) -> None:
        self.bytes = 0

    def attend(self, heads: Heads) -> Tensor:
        """Zeros, (1, heads, tokens, head size)."""
        self.bytes += heads.key.nbytes + heads.value.nbytes
        return heads.value.new_zeros(*heads.query.shape[:3], heads.value.shape[3])
