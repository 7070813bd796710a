"""Reading what an encoder-decoder's answers attend: each distinct source once.

The encoder sees a source as a whole, so it cannot be cut into rows of a fixed length as prompts
are elsewhere. But the number of rows of a matrix product can be fixed by the source alone: short
sources share rows of `ROW` tokens, a longer one has as many such rows as it needs for itself, and
idle tokens fill them up. So what a source becomes does not depend on the company it is read in.

What answers need of it are the keys and values that each of the decoder's layers makes of its
states. They are made here, once, by a pass of the decoder over one idle token, and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.infer.row_filling import filled_rows
from tutelage.model.attention import BidirectionalLayout, using
from tutelage.model.attention.layout import Heads
from tutelage.model.families.encoder_decoder import EncoderDecoder

ROW = 128
"""Tokens of a row, as `reading.PROMPT_ROWS`."""

Kept = Mapping[int, tuple[Tensor, Tensor]]
"""A source's keys and values by layer, (1, key heads, tokens, head size)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Sources that are read in one row.

    Attributes:
        sources: one after the other.
        length: of the row.
    """

    sources: tuple[tuple[int, ...], ...]
    length: int


def rows_of(sources: Sequence[tuple[int, ...]]) -> Iterator[Reading]:
    """Fill rows with sources; what row a source is in depends on the others, its length does not.

    Args:
        sources: distinct.
    """
    # Long ones last, so that none parts two short ones that have room together.
    ordered = sorted(sources, key=lambda source: len(source) > ROW)
    for numbers in filled_rows([len(source) for source in ordered], ROW):
        together = tuple(ordered[number] for number in numbers)
        rows = max(1, -(-sum(map(len, together)) // ROW))
        yield Reading(together, rows * ROW)


def read_sources(
    family: EncoderDecoder, model: PreTrainedModel, reading: Reading
) -> dict[tuple[int, ...], Kept]:
    """Encode a row of sources; what the decoder's layers make of each of them.

    Args:
        family: the model's.
        model: loaded with our attention, in evaluation mode.
        reading: of `rows_of`.
    """
    lengths = [len(source) for source in reading.sources]
    idle = reading.length - sum(lengths)
    ids = [token for source in reading.sources for token in source] + [0] * idle
    stretches = [*lengths, idle] if idle else lengths
    places = [at for length in stretches for at in range(length)]
    row = torch.tensor([ids, places], device=model.device)
    one = row.new_zeros(1, 1)
    layout = _ReadingLayout(stretches)
    with using(layout):
        states = family.encoded(model, row[:1], row[1:])
        family.hidden_states(model, one, one, encoder_hidden_states=states)
    return {
        source: {layer: (keys[at], values[at]) for layer, (keys, values) in layout.kept.items()}
        for at, source in enumerate(reading.sources)
    }


class _ReadingLayout:
    """The encoder's own attention; of the decoder's layers, only what they are given is kept."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._encoder = BidirectionalLayout(lengths)
        self._lengths = list(lengths)
        self.kept: dict[int, tuple[list[Tensor], list[Tensor]]] = {}

    def attend(self, heads: Heads) -> Tensor:
        """The attended values, (1, heads, tokens, head size); zeros in the decoder."""
        if heads.role == "encoder":
            return self._encoder.attend(heads)
        if heads.role == "cross":
            # Copies, so that the keys of one source do not hold on to those of a whole row.
            keys, values = (
                [part.clone() for part in torch.split(tensor, self._lengths, dim=2)]
                for tensor in (heads.key, heads.value)
            )
            self.kept[heads.layer] = (keys, values)
        return heads.value.new_zeros(*heads.query.shape[:3], heads.value.shape[3])
