"""Rows that are there more than once, with some words changed."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.duplicates.candidates import Pairs, candidates
from tutelage.curate.duplicates.clusters import originals
from tutelage.curate.duplicates.naming import firsts, named
from tutelage.curate.duplicates.overlap import overlaps
from tutelage.curate.features.minhash import BAND

MARGIN = 0.3
"""A pair is compared when its signatures agree on this much less than the threshold: they are of
some of the words, and estimate likeness to 0.06 (standard error)."""


@WHOLE_CHECKS.register("near_duplicate")
class NearDuplicate(WholeCheck):
    """Most words are those of an earlier row.

    Candidates come from MinHash signatures, and each is verified on the texts, so that what is said
    of two rows is true. Rows that are exactly the same are left to `exact_duplicate`.
    """

    title = "Row is nearly there twice"
    suggestion = "Keep one of the two, or make them differ in what they teach."
    precision = "1.000 [0.994, 1.000], Alpaca repeated with 5 to 20 % of words changed"
    recall = "0.990 [0.978, 0.995]"
    uses = ("content", "minhash")

    def conclude(self, data: Dataset) -> Conclusion:
        """Every later row of a pair, with the row that is kept."""
        pairs = self._candidates(data)
        counts = data.feature("minhash")["words"].to_numpy()
        threshold = self.options.near_duplicate

        def compare(asked: NDArray[np.int64]) -> NDArray[np.float64]:
            return overlaps(asked, data.rows, counts, threshold)

        left_out = originals(pairs, compare, threshold)
        summary = {"rows": len(left_out), "compared": len(pairs), "threshold": threshold}
        table = pl.DataFrame(
            {
                "at": list(left_out),
                "kept": [kept for kept, _ in left_out.values()],
                "likeness": [likeness for _, likeness in left_out.values()],
            },
            schema={"at": pl.Int64, "kept": pl.Int64, "likeness": pl.Float64},
        )
        share = (pl.col("likeness") * 100).floor().cast(pl.Int64)
        detail = pl.format("{} % of its words are those of {}", share, "name")
        return Conclusion(named(data, table, detail, pl.col("likeness")), summary)

    def _candidates(self, data: Dataset) -> Pairs:
        """Pairs of rows worth comparing, the first of exactly equal rows standing for all."""
        first = firsts(data.feature("content").select("prompt", "answer")).to_numpy()
        minhash = data.feature("minhash")
        hashed = minhash["hashed"].to_numpy() > 0
        places = np.flatnonzero(hashed & (first == np.arange(len(first))))
        signatures = minhash["signature"].to_numpy()[places]
        threshold = self.options.near_duplicate
        pairs: Pairs = places[candidates(signatures, BAND, max(0.0, threshold - MARGIN))]
        # Two bags of words are no more alike than the smaller is large.
        counts = minhash["words"].to_numpy()[pairs]
        kept: Pairs = pairs[counts.min(axis=1) >= threshold * counts.max(axis=1)]
        return kept
