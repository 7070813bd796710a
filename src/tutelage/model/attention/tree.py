"""Attention over a forest: each segment sees the segments on its path, then itself causally.

One call of scaled_dot_product_attention a segment, on exactly the keys it may see: no padding and
no mask over the pack. A root segment is plain causal attention. A branch needs a mask only in its
last columns (all of its path, then a triangle), built once a pack and shared by all layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tutelage.model.attention.distance import distance_bias
from tutelage.model.attention.layout import Heads
from tutelage.model.attention.product import attend
from tutelage.prompt.tree import Segment


class TreeLayout:
    """Attention of a forest.

    Args:
        segments: in the order of the row, parents before children.
        device: where the masks are to live.
    """

    def __init__(self, segments: Sequence[Segment], device: torch.device | str = "cpu") -> None:
        self.device = device
        self._lengths = [segment.end - segment.start for segment in segments]
        places = {segment.start: index for index, segment in enumerate(segments)}
        self._paths = [[places[part.start] for part in path] for path in paths(segments)]
        self._masks: dict[tuple[int, int, int | None], torch.Tensor] = {}

    def attend(self, heads: Heads) -> torch.Tensor:
        """The attended values, (1, heads, tokens, head size)."""
        # Split rather than sliced: the gradient of a slice is as large as the whole row, and
        # would be filled with zeros and added up once for every segment.
        queries, keys, values = (
            torch.split(tensor, self._lengths, dim=2)
            for tensor in (heads.query, heads.key, heads.value)
        )
        outputs = [
            self._segment(heads, query, _joined(keys, path), _joined(values, path))
            for query, path in zip(queries, self._paths, strict=True)
        ]
        if len(outputs) == 1:
            return outputs[0]
        # Token by token in memory, as the output product reads it: joined head by head, all would
        # be copied once more.
        return torch.cat([output.transpose(1, 2) for output in outputs], dim=1).transpose(1, 2)

    def _segment(
        self, heads: Heads, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> torch.Tensor:
        queries, length = query.shape[2], key.shape[2]
        alone = queries == length and (heads.window is None or length <= heads.window)
        mask = None
        if heads.bias is not None:
            mask = distance_bias(heads.bias, queries, length)
            mask = mask + self._mask(queries, length, heads.window, query.dtype)
        elif not alone:
            mask = self._mask(queries, length, heads.window, query.dtype)
        return attend(heads, query, key, value, mask, causal=mask is None)

    def _mask(
        self, queries: int, keys: int, window: int | None, dtype: torch.dtype
    ) -> torch.Tensor:
        """(queries, keys): the queries are the last of the keys, each sees those before it.

        It is what is added to the scores, 0 or minus infinity: a mask of truth values would be
        turned into this anew by every call.
        """
        if window is not None and keys <= window:
            window = None
        shape = (queries, keys, window)
        if shape not in self._masks:
            visible = torch.ones(queries, keys, dtype=torch.bool, device=self.device)
            visible = visible.tril(keys - queries)
            if window is not None:
                visible = visible.triu(keys - queries - window + 1)
            hidden = torch.zeros(queries, keys, dtype=dtype, device=self.device)
            self._masks[shape] = hidden.masked_fill_(~visible, -torch.inf)
        return self._masks[shape]


def paths(segments: Sequence[Segment]) -> list[list[slice]]:
    """For each segment, the stretches of the row from its root to itself."""
    found: list[list[slice]] = []
    for segment in segments:
        above = found[segment.parent] if segment.parent >= 0 else []
        found.append([*above, slice(segment.start, segment.end)])
    return found


def _joined(parts: Sequence[torch.Tensor], path: list[int]) -> torch.Tensor:
    return parts[path[0]] if len(path) == 1 else torch.cat([parts[at] for at in path], dim=2)
