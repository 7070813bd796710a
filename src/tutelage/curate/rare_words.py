"""How much of what two texts say is the same: their words, weighted by how rare each is.

Embeddings tell that two prompts are about the same; two word problems about buying apples are too.
Names, numbers and terms tell whether they ask the same. Of pairs of Alpaca prompts with embeddings
as like as 0.8, six in seven differ in half of the weighted words or more ("a haiku about rain", "a
haiku about the ocean"), and of prompts with the embedding of their own rewording, 3 in 100 do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tutelage.curate.check import Dataset
from tutelage.curate.normal import PROMPT, joined, words

SAMPLE = 5000
"""Rows by which it is told how rare a word is."""

CHUNK = 5000
"""Pairs that are compared at a time."""

Pairs = NDArray[np.int64]
"""(pairs, 2)."""


def prompts(rows: pl.DataFrame) -> pl.Series:
    """The prompts of lines of `Batch.rows`."""
    return rows.select(joined(*PROMPT).alias("prompt")).to_series()


def weights(data: Dataset, others: pl.Series | None = None) -> pl.DataFrame:
    """How much each `word` says: the logarithm of how few prompts hold it.

    Args:
        data: a sample of its prompts is counted.
        others: prompts that are counted too.
    """
    sample = np.arange(data.count)[:: max(1, data.count // SAMPLE)]
    texts = prompts(data.rows(pl.Series(sample)))
    texts = texts if others is None else pl.concat([texts, others.alias(texts.name)])
    rarity = (len(texts) / pl.len()).log()
    return _bags(texts).group_by("word").agg(rarity.alias("weight"))


def in_common(
    pairs: Pairs,
    left: Callable[[pl.Series], pl.Series],
    right: Callable[[pl.Series], pl.Series],
    weight: pl.DataFrame,
) -> NDArray[np.float64]:
    """Weighted share of all words of two prompts that stand in both.

    Args:
        pairs: numbers of prompts.
        left: gives the prompts of the first ones, at numbers in ascending order.
        right: those of the second ones.
        weight: of words, from `weights`.

    Returns:
        (pairs,) from 0 to 1.
    """
    shares = [np.zeros(0)]
    for start in range(0, len(pairs), CHUNK):
        some = pairs[start : start + CHUNK]
        table, bags = {}, []
        for name, give, numbers in zip(("left", "right"), (left, right), some.T, strict=True):
            places, table[name] = np.unique(numbers, return_inverse=True)
            bags.append(_weighed(give(pl.Series(places)), weight).rename({"text": name}))
        shares.append(_jaccard(pl.DataFrame(table), *bags).to_numpy())
    return np.concatenate(shares)


def _jaccard(pairs: pl.DataFrame, left: pl.DataFrame, right: pl.DataFrame) -> pl.Series:
    """Weight of shared words over the weight of all, for pairs of `left` and `right`."""
    pairs = pairs.with_row_index("pair")
    total = pl.col("weight").sum()
    shared = (
        pairs.join(left, on="left")
        .join(right.drop("weight"), on=["right", "word"])
        .group_by("pair")
        .agg(total.alias("shared"))
    )
    whole = (
        pairs.join(left.group_by("left").agg(total.alias("of_left")), on="left", how="left")
        .join(right.group_by("right").agg(total.alias("of_right")), on="right", how="left")
        .join(shared, on="pair", how="left")
        .sort("pair")
        .fill_null(0.0)
    )
    union = pl.col("of_left") + pl.col("of_right") - pl.col("shared")
    share = pl.when(union > 0).then(pl.col("shared") / union).otherwise(0.0)
    return whole.select(share).to_series()


def _weighed(texts: pl.Series, weight: pl.DataFrame) -> pl.DataFrame:
    """`text`, `word` and `weight`; a word that was not sampled is as rare as can be."""
    bags = _bags(texts).join(weight, on="word", how="left")
    return bags.with_columns(pl.col("weight").fill_null(weight["weight"].max()))


def _bags(texts: pl.Series) -> pl.DataFrame:
    """The words of each text that say what it is about, each once."""
    found = words(texts)
    kept = found.telling | found.unspaced
    return pl.DataFrame({"text": found.owners()[kept], "word": found.hashes[kept]}).unique()
