"""Attention over a forest in one call of FlexAttention (Dong et al. 2024), for CUDA.

One kernel for the whole row instead of one call a segment: the forest becomes a rule about pairs
of tokens, and blocks of pairs that the rule leaves out are never computed. A token sees another if
that one is earlier in the row and its segment lies on the path: with the segments numbered in the
order of a walk through the tree, those below a segment are one interval. On a CPU FlexAttention
has no backward pass (pytorch #148752), so there this layout is only good for a forward pass, which
is how the tests hold it equal to `TreeLayout`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from tutelage.model.attention.layout import Heads, beyond_products
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
        self._masks: dict[tuple[int | None, int], Any] = {}
        # Compiled once a process: torch keeps what it compiled by the function's own code.
        self._kernel: Any = _compiled() if self._device.type == "cuda" else flex_attention

    @staticmethod
    def refusal(heads: Heads) -> str | None:
        """What a layer asks for that the kernel cannot compute; None if it can."""
        return beyond_products(replace(heads, prefix=None))

    def attend(self, heads: Heads) -> torch.Tensor:
        """The attended values, (1, heads, tokens, head size)."""
        key, value, before = heads.key, heads.value, 0
        if heads.prefix is not None:
            before = heads.prefix[0].shape[2]
            key = torch.cat([heads.prefix[0], key], dim=2)
            value = torch.cat([heads.prefix[1], value], dim=2)
        attended: torch.Tensor = self._kernel(
            heads.query,
            key,
            value,
            score_mod=None if heads.softcap is None else _capped(heads.softcap),
            block_mask=self._mask(heads.window, before),
            scale=heads.scale,
            enable_gqa=heads.query.shape[1] != heads.key.shape[1],
        )
        return attended

    def _mask(self, window: int | None, before: int) -> Any:
        """Which tokens see which behind a prefix, built once a row, window and prefix."""
        if (window, before) not in self._masks:
            enter, leave, depth = self._enter, self._leave, self._depth

            def sees(
                _batch: torch.Tensor, _head: torch.Tensor, query: torch.Tensor, key: torch.Tensor
            ) -> torch.Tensor:
                in_prefix, key = key < before, (key - before).clamp(min=0)
                visible = (
                    (key <= query) & (enter[key] <= enter[query]) & (enter[query] < leave[key])
                )
                if window is not None:
                    visible = visible & (depth[query] - depth[key] < window)
                return visible | in_prefix

            tokens = len(depth)
            self._masks[window, before] = create_block_mask(
                sees, B=None, H=None, Q_LEN=tokens, KV_LEN=before + tokens, device=self._device
            )
        return self._masks[window, before]


@cache
def _capped(softcap: float) -> Callable[..., torch.Tensor]:
    """Scores capped softly; the same function every time, for it is compiled."""

    def cap(score: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return softcap * torch.tanh(score / softcap)

    return cap


@cache
def _compiled() -> Any:
    """FlexAttention as a fused kernel for rows of any length; compiled once a process."""
    return torch.compile(flex_attention, dynamic=True)


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
