"""What the renderer hands on: token sequences to train on, and what became of each example."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tutelage.data.fates import Fate, Reason


@dataclass(frozen=True, slots=True)
class Rendered:
    """One token sequence to train on.

    Attributes:
        ids: (tokens,) int32.
        weights: (tokens,) float32, the loss weight of predicting each token from those before
            it; the first is always 0.
        stop_trained: the last supervised token ends the assistant's turn.
    """

    ids: np.ndarray
    weights: np.ndarray
    stop_trained: bool

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
