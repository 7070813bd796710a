"""Prompts that ask what another asks, in other words."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.duplicates.clusters import originals
from tutelage.curate.duplicates.naming import firsts, named
from tutelage.curate.duplicates.similar import Pairs, cosines, similar
from tutelage.curate.rare_words import in_common, prompts, weights

IN_COMMON = 0.5
"""Share of their words, weighted by rarity, from which two prompts ask the same."""

TELLING = (r"[0-9]+", r"\"[^\"]+\"|“[^”]+”")
"""Numbers and quotations: where both prompts have any, they must be the same."""

NEGATION = r"(?i)\b(?:not|never|without|except)\b|n['’]t\b"
"""What turns a question round, in English."""

CHUNK = 20_000
"""Pairs whose texts are compared at a time."""


@WHOLE_CHECKS.register("semantic_duplicate")
class SemanticDuplicate(WholeCheck):
    """The prompt means much the same as that of an earlier row.

    Their embeddings are alike, they share most of what they say (words weighted by rarity), and
    they do not differ in numbers, quotations or negation. Order counts for little: from Fahrenheit
    to Celsius is taken for the same as back.
    """

    severity = "info"
    title = "Prompt asks what another asks"
    suggestion = "Fine where the answers differ in kind; else one of the two teaches nothing new."
    precision = "0.938 [0.902, 0.962], Alpaca in other words, by rules"
    recall = "0.832 [0.785, 0.871]"
    uses = ("content", "embedding")

    def conclude(self, data: Dataset) -> Conclusion:
        """Every later row of a pair, with the row that is kept."""
        first = firsts(data.feature("content").select("prompt")).to_numpy()
        places = np.flatnonzero(first == np.arange(len(first)))
        vectors = data.feature("embedding")["vector"].to_numpy()[places]
        threshold = self.options.semantic_duplicate
        weight = weights(data)

        def compare(asked: Pairs) -> NDArray[np.float64]:
            likeness = [
                cosines(vectors, part) * _same_words(data, places[part], weight)
                for part in np.array_split(asked, len(asked) // CHUNK + 1)
            ]
            return np.concatenate(likeness)

        pairs = similar(vectors, threshold, self.options.seed)
        left_out = originals(pairs, compare, threshold)
        table = pl.DataFrame(
            {
                "at": places[list(left_out)],
                "kept": places[[kept for kept, _ in left_out.values()]],
                "likeness": [likeness for _, likeness in left_out.values()],
            },
            schema={"at": pl.Int64, "kept": pl.Int64, "likeness": pl.Float64},
        )
        detail = pl.format("asks much the same as {}", "name")
        findings = named(data, table, detail, pl.col("likeness"))
        return Conclusion(findings, {"rows": len(table), "threshold": threshold})


def _same_words(data: Dataset, pairs: Pairs, weight: pl.DataFrame) -> NDArray[np.bool_]:
    """Whether prompts have most of what they say in common, and what tells them apart as well."""

    def texts(at: pl.Series) -> pl.Series:
        return prompts(data.rows(at))

    places, local = np.unique(pairs, return_inverse=True)
    asked = texts(pl.Series(places))
    same = in_common(pairs, texts, texts, weight) >= IN_COMMON
    for pattern in TELLING:
        found = asked.str.extract_all(pattern).list.sort().list.join(" ").to_numpy()
        one, other = found[local.reshape(pairs.shape)].T
        same &= (one == other) | (one == "") | (other == "")
    denied: NDArray[np.bool_] = asked.str.contains(NEGATION).to_numpy()[local].reshape(pairs.shape)
    alike: NDArray[np.bool_] = same & (denied[:, 0] == denied[:, 1])
    return alike
