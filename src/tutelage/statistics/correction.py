"""Correction of p-values where many hypotheses are tested (Holm 1979).

Holm's step-down procedure bounds the chance of any false positive in the family, without
assuming that the tests are independent, and is uniformly stronger than Bonferroni's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of one family: rejecting those below α keeps its error rate at α."""
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1)
    return [float(value) for value in adjusted]
