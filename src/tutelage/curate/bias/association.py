r"""With what words, and how well, groups are spoken of.

Words: log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008). For a
word that stands $y_1$ times in $n_1$ words of sentences naming a group and $y_2$ times in those
naming the others of its axis, with prior counts $\alpha_w$ summing to $\alpha_0$,
$\delta = \log\frac{y_1+\alpha_w}{n_1+\alpha_0-y_1-\alpha_w} -
\log\frac{y_2+\alpha_w}{n_2+\alpha_0-y_2-\alpha_w}$ with variance
$\frac{1}{y_1+\alpha_w}+\frac{1}{y_2+\alpha_w}$. The prior is the language of all these sentences,
so that rare words need more to stand out. Mood: of words that praise or blame, the share that
praise less the share that blame, against the rest of the axis, by bootstrap; Holm's correction over
the groups decides which difference is `clear`.
"""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from tutelage.curate.bias.bundles import Estimate, estimates, gap, sums
from tutelage.curate.bias.groups import Group, axes, groups, names
from tutelage.statistics.correction import holm
from tutelage.statistics.resampling import Measurement

PRIOR_WORDS = 500
"""Weight of the prior, in words: as much as some 30 sentences."""

LEAST_SENTENCES = 20
LEAST_SPOKEN = 20
"""Words that praise or blame, on either side."""

LEAST_COUNT = 5
LEAST_Z = 3.3
"""Two-sided p of 0.001: among some thousand words seldom by chance."""

SHOWN_WORDS = 8
NORMAL_975 = 1.959964


def moods(said: pl.DataFrame, seed: int) -> list[dict[str, Any]]:
    """How each group is spoken of, against the others of its axis.

    Args:
        said: see `sentences`.
        seed: of the intervals.

    Returns:
        For each group with enough such words: `axis`, `group`, `sentences`, `mood` (from -1 to 1),
        `more` (than the others, or than all people where it has an axis to itself; with interval),
        `p` (corrected) and `clear`.
    """
    entries: list[tuple[Group, int, float, Estimate]] = []
    for axis in axes():
        for place in axes()[axis]:
            here = names(pl.col("mask"), place)
            there = ~here & _others(axis, place)
            spoken = pl.col("praise") + pl.col("blame")
            balance = pl.col("praise").cast(pl.Int64) - pl.col("blame")
            columns = [column * which for which in (here, there) for column in (balance, spoken)]
            counts = sums(said, [column.alias(str(i)) for i, column in enumerate(columns)])
            total = counts.sum(axis=0)
            if min(total[1], total[3]) < LEAST_SPOKEN:
                continue
            [estimate] = estimates([Measurement(counts, gap)], seed)
            mood = float(total[0] / total[1])
            entries.append((groups()[place], said.filter(here).height, mood, estimate))
    corrected = holm([_two_sided(estimate) for *_, estimate in entries])
    return [
        {
            "axis": group.axis,
            "group": group.name,
            "sentences": count,
            "mood": round(mood, 4),
            "more": estimate.rounded(),
            "p": round(p, 6),
            "clear": p < 0.05,
        }
        for (group, count, mood, estimate), p in zip(entries, corrected, strict=True)
    ]


def _others(axis: str, place: int) -> pl.Expr:
    """Sentences that name another group of the axis; any, where there is no other."""
    others = [names(pl.col("mask"), other) for other in axes()[axis] if other != place]
    return pl.any_horizontal(others) if others else pl.lit(True)


def _two_sided(estimate: Estimate) -> float:
    """Normal p-value of a difference."""
    if estimate.deviation == 0:
        return 1.0
    return math.erfc(abs(estimate.value) / estimate.deviation / math.sqrt(2))


def words(said: pl.DataFrame) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Words that stand out near each group, by axis and group, the surest first."""
    tokens = _tokens(said)
    prior = tokens.group_by("word").agg(pl.len().alias("all"))
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for axis, places in axes().items():
        naming = {
            word for place in places for phrase in groups()[place].words for word in phrase.split()
        }
        on_axis = tokens.filter(~pl.col("word").is_in(list(naming)))
        for place in places:
            here = names(pl.col("mask"), place)
            if said.filter(here).height < LEAST_SENTENCES:
                continue
            near = on_axis.filter(here)["word"]
            far = on_axis.filter(~here & _others(axis, place))["word"]
            if entries := standing_out(near, far, prior):
                found.setdefault(axis, {})[groups()[place].name] = entries
    return found


def standing_out(near: pl.Series, far: pl.Series, prior: pl.DataFrame) -> list[dict[str, Any]]:
    """Words that stand out: `word`, `count`, `log_odds`, `interval`, `z`."""
    odds = log_odds(near, far, prior)
    clear = odds.filter((pl.col("z") >= LEAST_Z) & (pl.col("near") >= LEAST_COUNT))
    return [
        {
            "word": row["word"],
            "count": row["near"],
            "log_odds": round(row["log_odds"], 3),
            "interval": [
                round(row["log_odds"] - NORMAL_975 * row["deviation"], 3),
                round(row["log_odds"] + NORMAL_975 * row["deviation"], 3),
            ],
            "z": round(row["z"], 2),
        }
        for row in clear.sort("z", "word", descending=[True, False]).head(SHOWN_WORDS).to_dicts()
    ]


def log_odds(near: pl.Series, far: pl.Series, prior: pl.DataFrame) -> pl.DataFrame:
    """Log-odds ratios of every word, with an informative Dirichlet prior.

    Args:
        near: words of one side.
        far: words of the other.
        prior: `word` and `all`, how often it stands in the language of both.

    Returns:
        `word`, `near` and `far` (counts), `log_odds`, `deviation`, `z`.
    """
    sides = [
        side.alias("word").value_counts(name=name) for side, name in ((near, "near"), (far, "far"))
    ]
    table = prior.join(sides[0], on="word", how="left").join(sides[1], on="word", how="left")
    table = table.with_columns(pl.col("near", "far").fill_null(0))
    share = PRIOR_WORDS / max(1, prior["all"].sum())
    one, two = (pl.col(name) + pl.col("all") * share for name in ("near", "far"))
    ratio = (one / (len(near) + PRIOR_WORDS - one)).log() - (
        two / (len(far) + PRIOR_WORDS - two)
    ).log()
    deviation = (1 / one + 1 / two).sqrt()
    return table.select(
        "word", "near", "far", ratio.alias("log_odds"), deviation.alias("deviation")
    ).with_columns((pl.col("log_odds") / pl.col("deviation")).alias("z"))


def _tokens(said: pl.DataFrame) -> pl.DataFrame:
    """`mask` and `word` of each word of at least three letters, once a sentence."""
    text = pl.col("text").str.to_lowercase().str.replace_all(r"[^a-zà-ÿ'’-]+", " ")
    split = said.select("sentence", "mask", text.str.split(" ").alias("word")).explode("word")
    long = split.with_columns(pl.col("word").str.strip_chars("'’-"))
    return long.filter(pl.col("word").str.len_chars() > 2).unique().sort("sentence", "word")
