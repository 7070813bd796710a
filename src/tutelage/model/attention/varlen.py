"""Attention over a forest in one call of PyTorch's variable-length FlashAttention, for CUDA.

A segment's queries see the keys on its path, of which they are the last; FlashAttention aligns a
causal mask just so (`varlen_attn`, PyTorch 2.12; Dao 2024). So without branches the row goes in as
it is, and with branches the keys and values of every path are first laid out one after the other:
memory for them grows with the logical tokens then, no longer with the computed ones, which is why
`kernels` prefers FlexAttention there. Known from its documentation and source and held equal to
`TreeLayout` on a CPU with a plain kernel in its place; we have not run it on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn

from tutelage.model.attention.layout import Heads, beyond_products
from tutelage.model.attention.tree import paths
from tutelage.prompt.tree import Segment

SIZES = range(8, 257, 8)
"""Head sizes that FlashAttention knows."""


class VarlenTreeLayout:
    """Attention of a forest; see `TreeLayout` for what is computed.

    Args:
        segments: in the order of the row, parents before children.
        device: where the row is.
    """

    def __init__(self, segments: Sequence[Segment], device: torch.device | str = "cpu") -> None:
        visible = [sum(cut.stop - cut.start for cut in path) for path in paths(segments)]
        queries = [segment.end - segment.start for segment in segments]
        self._most = max(queries), max(visible)
        self._ends = _ends(queries, device), _ends(visible, device)
        self._paths: Tensor | None = None
        if visible != queries:
            cuts = [torch.arange(cut.start, cut.stop) for path in paths(segments) for cut in path]
            self._paths = torch.cat(cuts).to(device)

    @staticmethod
    def refusal(heads: Heads) -> str | None:
        """What a layer asks for that the kernel cannot compute; None if it can."""
        if asked := beyond_products(heads):
            return asked
        if heads.softcap is not None:
            return "soft-capped attention scores"
        if heads.query.dtype.itemsize > 2:
            return f"values in {str(heads.query.dtype).removeprefix('torch.')}"
        size = heads.query.shape[3]
        return None if size in SIZES else f"heads of {size} features"

    def attend(self, heads: Heads) -> Tensor:
        """The attended values, (1, heads, tokens, head size)."""
        query, key, value = (
            tensor[0].transpose(0, 1) for tensor in (heads.query, heads.key, heads.value)
        )
        if self._paths is not None:
            key, value = key[self._paths], value[self._paths]
        attended = varlen_attn(
            query,
            key,
            value,
            *self._ends,
            *self._most,
            scale=heads.scale,
            # How far to look back beside the token itself; without an end it is plain causal.
            window_size=(-1 if heads.window is None else heads.window - 1, 0),
            enable_gqa=query.shape[1] != key.shape[1],
        )
        assert isinstance(attended, Tensor)  # no further outputs were asked for
        return attended.transpose(0, 1)[None]


def _ends(lengths: Sequence[int], device: torch.device | str) -> Tensor:
    """Where each sequence begins, and the last ends, (sequences + 1,) int32."""
    return torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32).to(device)
