"""Attention over a forest in one call of FlexAttention (Dong et al. 2024), for CUDA.

One kernel for the whole row instead of one call a segment: the forest becomes a rule about pairs
of tokens, and blocks of pairs that the rule leaves out are never computed. A token sees another if
that one is earlier in the row and its segment lies on the path: with the segments numbered in the
order of a walk through the tree, those below a segment are one interval. On a CPU FlexAttention
has no backward pass (pytorch #148752), so there this layout is only good for a forward pass, which
is how the tests hold it equal to `TreeLayout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from tutelage.errors import UserError
from tutelage.model.attention.layout import Heads
from tutelage.prompt.tree import Segment


class FlexTreeLayout:
    """Attention of a forest; see `TreeLayout` for what is computed.

    Args:
        segments: in the order of the row, parents before children.
        device: where the row is.
    """

    def __init__(self, segments: Sequence[Segment], device: torch.device | str = "cpu") -> None:
        lengths = torch.tensor([segment.end - segment.start for segment in segments])
        enter, leave = _walk(segments)
        self._enter = enter.repeat_interleave(lengths).to(device)
        self._leave = leave.repeat_interleave(lengths).to(device)
        self._depth = _depths(segments).to(device)
        self._device = torch.device(device)
        self._masks: dict[int | None, Any] = {}
        # Compiled once a process: torch keeps what it compiled by the function's own code.
        self._kernel: Any = _compiled() if self._device.type == "cuda" else flex_attention

    def attend(self, heads: Heads) -> torch.Tensor:
        """The attended values, (1, heads, tokens, head size).

        Raises:
            UserError: attention weights are to be dropped, which the kernel cannot.
        """
        if heads.dropout:
            raise UserError(
                f"the model drops {heads.dropout:g} of its attention weights in training, "
                "which FlexAttention cannot",
                where="train.attention",
                fix="leave it out, or write segments",
            )
        attended: torch.Tensor = self._kernel(
            heads.query,
            heads.key,
            heads.value,
            block_mask=self._mask(heads.window),
            scale=heads.scale,
            enable_gqa=heads.query.shape[1] != heads.key.shape[1],
        )
        return attended

    def _mask(self, window: int | None) -> Any:
        """Which tokens see which, built once a row and window."""
        if window not in self._masks:
            enter, leave, depth = self._enter, self._leave, self._depth

            def sees(
                _batch: torch.Tensor, _head: torch.Tensor, query: torch.Tensor, key: torch.Tensor
            ) -> torch.Tensor:
                visible = (
                    (key <= query) & (enter[key] <= enter[query]) & (enter[query] < leave[key])
                )
                if window is not None:
                    visible = visible & (depth[query] - depth[key] < window)
                return visible

            tokens = len(depth)
            self._masks[window] = create_block_mask(
                sees, B=None, H=None, Q_LEN=tokens, KV_LEN=tokens, device=self._device
            )
        return self._masks[window]


_kernel: Any = None


def _compiled() -> Any:
    """FlexAttention as a fused kernel for rows of any length."""
    global _kernel  # noqa: PLW0603 - compiling takes seconds, so once a process
    if _kernel is None:
        _kernel = torch.compile(flex_attention, dynamic=True)
    return _kernel


def _walk(segments: Sequence[Segment]) -> tuple[torch.Tensor, torch.Tensor]:
    """For each segment its number in a walk through the trees, and one past its last descendant."""
    below: list[list[int]] = [[] for _ in segments]
    for index, segment in enumerate(segments):
        if segment.parent >= 0:
            below[segment.parent].append(index)
    sizes = [1] * len(segments)
    for index in reversed(range(len(segments))):  # parents come before their children
        sizes[index] += sum(sizes[child] for child in below[index])
    enter = [0] * len(segments)
    following = 0
    for index, segment in enumerate(segments):
        if segment.parent < 0:
            enter[index], following = following, following + sizes[index]
        at = enter[index] + 1
        for child in below[index]:
            enter[child], at = at, at + sizes[child]
    entered = torch.tensor(enter)
    return entered, entered + torch.tensor(sizes)


def _depths(segments: Sequence[Segment]) -> torch.Tensor:
    """Each token's place on its path, (tokens,)."""
    ends: list[int] = []
    depths = []
    for segment in segments:
        above = ends[segment.parent] if segment.parent >= 0 else 0
        ends.append(above + segment.end - segment.start)
        depths.append(torch.arange(above, ends[-1]))
    return torch.cat(depths)
