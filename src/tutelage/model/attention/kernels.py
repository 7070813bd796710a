"""Which kernel computes attention over a forest.

Calls of scaled_dot_product_attention, one a segment, compute everything and run everywhere; a CPU
has nothing better. On CUDA many small calls leave the device waiting, so there one call for the
whole row is preferred: variable-length FlashAttention where no segment branches, FlexAttention,
whose mask follows the tree, where one does. What neither can (dropped attention weights, say) is
left to segments, layer by layer. This order follows the kernels' documentation: without a GPU at
hand we have proven what each computes, and measured none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal, Protocol

import torch

from tutelage.errors import UserError
from tutelage.model.attention.layout import Heads, Layout
from tutelage.model.attention.tree import TreeLayout
from tutelage.prompt.tree import Segment

Kernel = Literal["auto", "segments", "flex", "varlen"]

VARLEN_SINCE = (2, 12)
"""The release of PyTorch since which `varlen_attn` takes fewer key heads than query heads."""


class WholeRow(Layout, Protocol):
    """A kernel that computes a row in one call, if it can what the layer asks for."""

    def refusal(self, heads: Heads) -> str | None:
        """What it cannot; None if it can."""
        ...


def forest_layout(kernel: Kernel, segments: Sequence[Segment], device: torch.device) -> Layout:
    """Attention of a forest by the kernel of this name.

    Raises:
        UserError: the kernel does not train on the device, or PyTorch does not have it yet.
    """
    if kernel == "segments" or (kernel == "auto" and device.type != "cuda"):
        return TreeLayout(segments, device)
    if device.type != "cuda":
        raise _refused(f"{kernel} trains on CUDA only, and the model is on {device.type}")
    if kernel == "varlen" and not _has_varlen():
        raise _refused(f"varlen needs PyTorch 2.12, and this is {torch.__version__}")
    return OneCallLayout(kernel, segments, device)


class OneCallLayout:
    """Attention of a forest in one call a layer.

    Args:
        kernel: `auto` takes the first that can, in the order of the module's paragraph.
        segments: in the order of the row, parents before children.
        device: where the row is.
    """

    def __init__(
        self, kernel: Kernel, segments: Sequence[Segment], device: torch.device | str
    ) -> None:
        self._kernel = kernel
        self._segments = segments
        self._device = device
        self._made: dict[Kernel, WholeRow] = {}

    def attend(self, heads: Heads) -> torch.Tensor:
        """The attended values, (1, heads, tokens, head size).

        Raises:
            UserError: the layer asks for something that the kernel asked for cannot.
        """
        for kernel in self._preferred():
            if kernel not in self._made:
                self._made[kernel] = _whole_row(kernel, self._segments, self._device)
            layout = self._made[kernel]
            reason = layout.refusal(heads)
            if reason is None:
                return layout.attend(heads)
            if self._kernel != "auto":
                raise _refused(f"the model asks for {reason}, which {kernel} cannot")
        return self._in_segments.attend(heads)

    def _preferred(self) -> Iterator[Kernel]:
        if self._kernel != "auto":
            yield self._kernel
            return
        if _has_varlen() and all(segment.parent < 0 for segment in self._segments):
            yield "varlen"
        yield "flex"

    @cached_property
    def _in_segments(self) -> TreeLayout:
        return TreeLayout(self._segments, self._device)


def _whole_row(kernel: Kernel, segments: Sequence[Segment], device: torch.device | str) -> WholeRow:
    """Imported on first use: FlexAttention loads torch's compiler."""
    if kernel == "flex":
        from tutelage.model.attention.flex import FlexTreeLayout

        return FlexTreeLayout(segments, device)
    from tutelage.model.attention.varlen import VarlenTreeLayout

    return VarlenTreeLayout(segments, device)


def _has_varlen() -> bool:
    major, minor = torch.__version__.split(".")[:2]
    return (int(major), int(minor)) >= VARLEN_SINCE


def _refused(what: str) -> UserError:
    return UserError(what, where="train.attention", fix="leave it out, or write auto")
