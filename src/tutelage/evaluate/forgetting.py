"""What tuning cost: the log-likelihood of general text that was not tuned on.

The loss per token over all documents is compared, so a long document counts for more; documents
are what is resampled, since the tokens of one depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tutelage.evaluate.options import EvaluateOptions
from tutelage.statistics import Interval, Measurement, compare

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Loss of both models on the same documents, in nats a token: less is better.

    Attributes:
        documents: how many were read.
        tokens: how many tokens were predicted.
        base: loss of the base model.
        tuned: loss of the tuned model.
        difference: tuned minus base; above zero the tuned model predicts the text worse.
        interval: its paired bootstrap interval.
        p_value: of the difference, two-sided.
    """

    documents: int
    tokens: int
    base: float
    tuned: float
    difference: float
    interval: Interval
    p_value: float


def forgetting(
    base_nll: npt.ArrayLike,
    tuned_nll: npt.ArrayLike,
    tokens: npt.ArrayLike,
    options: EvaluateOptions,
) -> Forgetting:
    """Compare two models on general text.

    Args:
        base_nll: (documents,) negative log-likelihood by the base model, in nats.
        tuned_nll: (documents,) the same by the tuned model.
        tokens: (documents,) tokens predicted in each document, at least one.
        options: confidence, resamples and seed.
    """
    predicted = np.asarray(tokens, float)
    found = compare(
        [_per_token(np.asarray(base_nll, float), predicted)],
        [_per_token(np.asarray(tuned_nll, float), predicted)],
        confidence=options.confidence,
        resamples=options.resamples,
        seed=options.seed,
    )[0]
    return Forgetting(
        documents=len(predicted),
        tokens=int(predicted.sum()),
        base=found.base,
        tuned=found.tuned,
        difference=found.difference,
        interval=found.interval,
        p_value=found.p_value,
    )


def _per_token(nll: Floats, tokens: Floats) -> Measurement:
    return Measurement(np.stack([nll, tokens], axis=1), lambda sums: sums[..., 0] / sums[..., 1])
