"""What the rows are about: k-means clusters of their embeddings, named by their typical words.

A word is typical of a cluster where it is frequent in it and rare elsewhere (class-based TF-IDF,
Grootendorst 2022). Centres are fitted on a sample; every row then goes to its nearest. One thread
does it, since the order in which several add up their sums would decide the last bits.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

SAMPLE = 20_000
"""Rows that centres are fitted on."""

MOST = 40
ROWS_EACH = 25
"""A cluster for each so many rows' square, up to `MOST`: 12,000 rows have 22."""

NAMED_BY = 3
"""Words in a name."""

_WORD = re.compile(r"[^\W\d_]{3,}")
_STOP = frozenset(
    re.findall(
        r"\w+",
        "the and for that this with from what which when where have has does into about your"
        " their them there these those would could should will than then some using use used are"
        " was were who how why you can its one two three four five any each following given give"
        " list write create generate describe explain make name provide find identify sentence"
        " text input output example examples please not all our his her she him they more most"
        " way ways between different must also such may like new tell need want get out people"
        " person type types",
    )
)


def clusters(vectors: Vectors, seed: int) -> NDArray[np.int64]:
    """The cluster of each row, numbered from the largest.

    Args:
        vectors: (rows, width).
        seed: of the sample and of the first centres.
    """
    from sklearn.cluster import KMeans  # type: ignore[import-untyped]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    draw = np.random.default_rng(seed)
    sample = vectors
    if len(vectors) > SAMPLE:
        sample = vectors[np.sort(draw.choice(len(vectors), SAMPLE, replace=False))]
    most = len(np.unique(sample, axis=0))
    wanted = max(1, min(MOST, most, round(math.sqrt(len(vectors) / ROWS_EACH))))
    with threadpool_limits(limits=1):
        fitted = KMeans(wanted, n_init=1, random_state=seed).fit(sample)
        labels = fitted.predict(vectors)
    order = np.argsort(-np.bincount(labels, minlength=wanted), kind="stable")
    rank = np.empty(wanted, dtype=np.int64)
    rank[order] = np.arange(wanted)
    ranked: NDArray[np.int64] = rank[labels]
    return ranked


def names(texts: Sequence[Sequence[str]]) -> list[str]:
    """A name for each cluster, of the words typical of its texts."""
    counted = [Counter(word for text in some for word in set(_words(text))) for some in texts]
    overall: Counter[str] = sum(counted, Counter())
    mean = sum(overall.values()) / max(1, len(texts))
    return [
        ", ".join(
            sorted(count, key=lambda word: (-count[word] * math.log1p(mean / overall[word]), word))[
                :NAMED_BY
            ]
        )
        for count in counted
    ]


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _STOP]
