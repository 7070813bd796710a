"""Attention where tokens see what comes after them, and of decoder tokens on an encoder's.

Like `TreeLayout`, one call of scaled_dot_product_attention a segment, on exactly the keys that it
may see: there is no padding, and no mask but T5's position bias. Neighbouring segments of a forest
that read the same source attend it in one call.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import torch

from tutelage.model.attention.distance import distance_bias
from tutelage.model.attention.layout import Heads
from tutelage.model.attention.product import attend
from tutelage.model.attention.tree import TreeLayout
from tutelage.prompt.tree import Forest


class BidirectionalLayout:
    """Sequences in a row, in each of which every token sees every other.

    Args:
        lengths: of the sequences, in the order of the row.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        self._lengths = list(lengths)
        self._far: dict[tuple[int, int, torch.dtype], torch.Tensor] = {}

    def attend(self, heads: Heads) -> torch.Tensor:
        """The attended values, (1, heads, tokens, head size)."""
        masks = [self._mask(heads, length) for length in self._lengths]
        return attend_pairs(heads, self._lengths, self._lengths, range(len(masks)), masks)

    def _mask(self, heads: Heads, tokens: int) -> torch.Tensor | None:
        """What is added to the scores of a sequence's tokens, (…, tokens, tokens)."""
        mask = None if heads.bias is None else distance_bias(heads.bias, tokens, tokens)
        if heads.window is None or tokens <= heads.window:
            return mask
        key = tokens, heads.window, heads.query.dtype
        if key not in self._far:  # shared by all layers
            places = torch.arange(tokens, device=heads.query.device)
            far = (places[None] - places[:, None]).abs() >= heads.window
            hidden = heads.query.new_zeros(tokens, tokens)
            self._far[key] = hidden.masked_fill_(far, -torch.inf)
        return self._far[key] if mask is None else mask + self._far[key]


class EncoderDecoderLayout:
    """All three kinds of attention of an encoder-decoder over a forest.

    Args:
        forest: with sources.
        device: where the rows are.
    """

    def __init__(self, forest: Forest, device: torch.device | str = "cpu") -> None:
        self._source_lengths = forest.sources.lengths()
        self._encoder = BidirectionalLayout(self._source_lengths)
        self._decoder = TreeLayout(forest.segments, device)
        reading = zip(forest.sources.reads, forest.segments, strict=True)
        runs = [
            (source, sum(segment.end - segment.start for _, segment in run))
            for source, run in itertools.groupby(reading, key=lambda pair: pair[0])
        ]
        self._reads, self._readers = zip(*runs, strict=True)

    def attend(self, heads: Heads) -> torch.Tensor:
        """The attended values, (1, heads, tokens, head size), of the row that asks."""
        match heads.role:
            case "encoder":
                return self._encoder.attend(heads)
            case "causal":
                return self._decoder.attend(heads)
            case "cross":
                return attend_pairs(heads, self._readers, self._source_lengths, self._reads)


def attend_pairs(
    heads: Heads,
    queries: Sequence[int],
    keys: Sequence[int],
    reads: Iterable[int],
    masks: Iterable[torch.Tensor | None] = itertools.repeat(None),
) -> torch.Tensor:
    """Attention of each stretch of the queries on its stretch of the keys, all of it.

    Args:
        heads: the layer's.
        queries: tokens of each stretch of the row that asks.
        keys: tokens of each stretch of the row that is asked.
        reads: for each stretch of the queries, which of the keys'.
        masks: what is added to the scores of each, if anything.

    Returns:
        The attended values, (1, heads, tokens, head size).
    """
    key, value = (torch.split(part, list(keys), dim=2) for part in (heads.key, heads.value))
    outputs = [
        attend(heads, query, key[at], value[at], mask)
        for query, at, mask in zip(  # the reads are as many as the queries; masks may be endless
            torch.split(heads.query, list(queries), dim=2), reads, masks, strict=False
        )
    ]
    # Token by token in memory, as the output product reads it; see `TreeLayout`.
    return torch.cat([output.transpose(1, 2) for output in outputs], dim=1).transpose(1, 2)
