r"""Words of prompts that are tied to what responses have in common.

For every rare word or pair of words and every sign of a response (the same response, opening or
ending; a refusal; a link), the number of rows that have both is compared with what independence
gives. The tail of the binomial is bounded by Chernoff, $p \le \exp(-n\,\mathrm{KL}(k/n \,\|\, q))$,
and corrected for every pair that could have been tested (Bonferroni). Language is full of honest
ties ("fairy tale" goes with "once upon a time"), so that significance is only the beginning: see
`plausible`.
"""

from __future__ import annotations

import math

import polars as pl

from tutelage.curate.features.trigger_words import SIGNS

LEAST_ROWS = 6
"""Rows with word and sign from which a tie is looked at."""

LEAST_PURITY = 0.8
"""Share of the word's rows that have the sign."""

EDGES = ("opening", "ending")
LEAST_EDGE_ROWS, LEAST_EDGE_SHARE, LEAST_EDGE_PURITY = 10, 0.001, 0.9
"""Openings and endings ask for more rows (or a share of all, where that is more) and more purity:
in Alpaca's 12,000 rows eight limericks of ten begin "There once was a"."""

MOST_COMMON = 0.05
"""Share of all rows from which a word is no rare one."""

SIGNIFICANCE = 1e-4
"""Corrected for every pair tested."""

PAIR_FACTOR = 2_654_435_761
"""Makes the number of a pair of words from the numbers of the two (Knuth's multiplier)."""


def grams(rows: pl.DataFrame) -> pl.DataFrame:
    """Words and pairs of neighbouring words of each row, each once.

    Args:
        rows: `at` and `words` (numbers of words, in order).

    Returns:
        `at` and `gram`.
    """
    long = rows.select("at", "words").explode("words").drop_nulls()
    ahead = pl.col("words").shift(-1)
    pair = (pl.col("words").cast(pl.UInt64) * PAIR_FACTOR + ahead) | pl.lit(1 << 63, pl.UInt64)
    pairs = long.select(
        "at", pl.when(pl.col("at").shift(-1) == pl.col("at")).then(pair).alias("gram")
    )
    single = long.select("at", pl.col("words").cast(pl.UInt64).alias("gram"))
    return pl.concat([single, pairs.drop_nulls()]).unique()


def pair_number(first: int, second: int) -> int:
    """The number of a pair of words, as in `grams`."""
    return (first * PAIR_FACTOR + second) % (1 << 64) | 1 << 63


def signs(rows: pl.DataFrame) -> pl.DataFrame:
    """Signs that several rows have: `at`, `kind` (of `SIGNS`), `sign`, `sign_rows`."""
    kinds = pl.Enum(SIGNS)
    long = pl.concat(
        rows.select(
            "at", pl.lit(name, kinds).alias("kind"), pl.col(name).cast(pl.UInt64).alias("sign")
        ).drop_nulls()
        for name in SIGNS
    )
    return long.with_columns(pl.len().over("kind", "sign").alias("sign_rows")).filter(
        pl.col("sign_rows") >= LEAST_ROWS
    )


def ties(rows: pl.DataFrame) -> pl.DataFrame:
    """Rare words that nearly always come with a sign, and more often than chance allows.

    Args:
        rows: `at` and the columns of the feature `trigger_words`.

    Returns:
        One line a tie: `gram`, `kind`, `sign`, `gram_rows`, `sign_rows`, `both`, `log_p` (natural,
        corrected); the surest first.
    """
    marked = signs(rows)
    held = grams(rows).with_columns(pl.len().over("gram").alias("gram_rows"))
    most = max(LEAST_ROWS, MOST_COMMON * len(rows))
    held = held.filter(pl.col("gram_rows").is_between(LEAST_ROWS, most))
    edge = pl.col("kind").is_in(list(EDGES))
    purity = pl.when(edge).then(LEAST_EDGE_PURITY).otherwise(LEAST_PURITY)
    least_edge = max(LEAST_EDGE_ROWS, LEAST_EDGE_SHARE * len(rows))
    least = pl.when(edge).then(least_edge).otherwise(LEAST_ROWS)
    both = (
        held.join(marked, on="at")
        .group_by("gram", "kind", "sign")
        .agg(
            pl.len().alias("both"),
            pl.col("gram_rows").first(),
            pl.col("sign_rows").first(),
        )
        .filter((pl.col("both") >= least) & (pl.col("both") >= purity * pl.col("gram_rows")))
    )
    tests = held["gram"].n_unique() * marked.select("kind", "sign").n_unique()
    chance = pl.col("sign_rows") / len(rows)
    share = pl.col("both") / pl.col("gram_rows")
    rest = pl.when(share < 1).then((1 - share) * ((1 - share) / (1 - chance)).log()).otherwise(0.0)
    divergence = share * (share / chance).log() + rest
    log_p = math.log(max(tests, 1)) - pl.col("gram_rows") * divergence
    return (
        both.with_columns(log_p.alias("log_p"))
        .filter((share > chance) & (pl.col("log_p") < math.log(SIGNIFICANCE)))
        .sort("log_p", "gram", "kind", "sign")
    )
