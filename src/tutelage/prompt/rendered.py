"""What the renderer hands on: token sequences to train on, and what became of each example."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tutelage.data.fates import Fate, Reason


def nothing() -> np.ndarray:
    """No tokens, (0,) int32."""
    return np.zeros(0, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One token sequence to train on.

    Attributes:
        ids: (tokens,) int32; of an encoder-decoder, what its decoder reads.
        weights: (tokens,) float32, the loss weight of predicting each token from those before
            it; the first is always 0. With labels, of predicting the label at its place.
        stop_trained: the last supervised token ends the assistant's turn.
        source: (source tokens,) int32, what an encoder-decoder's encoder reads; empty for others.
        labels: (tokens,) int32, of a masked language model, the ids with the answer at the masked
            places; empty for others.
    """

    ids: np.ndarray
    weights: np.ndarray
    stop_trained: bool
    source: np.ndarray = field(default_factory=nothing)
    labels: np.ndarray = field(default_factory=nothing)

    def __len__(self) -> int:
        """Tokens computed for it alone, those of the source included."""
        return len(self.source) + len(self.ids)

    @property
    def predicted(self) -> np.ndarray:
        """What is predicted where a weight is not 0, (tokens,) int32."""
        return self.labels if len(self.labels) else self.ids

    @property
    def supervised_tokens(self) -> int:
        """How many tokens count in the loss."""
        return int(np.count_nonzero(self.weights))


@dataclass(frozen=True, slots=True)
class Rendering:
    """What became of one example.

    Attributes:
        sequences: none if the example was dropped; more than one where the template rewrites
            earlier turns.
        negatives: undesired ones, where the objective uses them.
        fate: kept, truncated or dropped.
        reason: the ledger's reason for a fate other than kept.
        detail: figures or the template's own words.
    """

    sequences: tuple[Rendered, ...]
    fate: Fate = Fate.KEPT
    reason: Reason | None = None
    detail: str = ""
    negatives: tuple[Rendered, ...] = ()
