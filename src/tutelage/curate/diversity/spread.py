"""How much the rows of a dataset differ: Vendi score and self-BLEU.

The Vendi score (Friedman and Dieng 2023) is the exponential of the entropy of the eigenvalues of
K / n, with K the cosines of all rows: the number of wholly different rows that would be as diverse.
K = V Vᵀ has the same non-zero eigenvalues as Vᵀ V, which has the width of an embedding, so the
score is exact for all rows where the n × n matrix would not fit; it is at most that width (256).
Self-BLEU (Zhu et al. 2018) is the BLEU of each of some texts against the others: near 1 where they
repeat one another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

BLOCK = 8192


def vendi(vectors: Vectors) -> float:
    """Effective number of different rows.

    Args:
        vectors: (rows, width), of length 1; rows of zeros are left out.
    """
    width = vectors.shape[1]
    gram, rows = np.zeros((width, width)), 0
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK].astype(np.float64)
        block = block[block.any(axis=1)]
        gram += block.T @ block
        rows += len(block)
    if not rows:
        return 0.0
    values = np.linalg.eigvalsh(gram / rows)
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def self_bleu(texts: Sequence[str]) -> float | None:
    """Mean BLEU of each text against all others, from 0 to 1; None for fewer than two."""
    from sacrebleu.metrics.bleu import BLEU

    if len(texts) < 2:
        return None
    metric = BLEU(effective_order=True)
    scores = [
        metric.sentence_score(text, [*texts[:place], *texts[place + 1 :]]).score
        for place, text in enumerate(texts)
    ]
    return float(np.mean(scores)) / 100
