"""Training rows in which items of evaluation sets stand.

Exact runs of 13 words are what GPT-3's authors looked for (Brown et al. 2020); runs of 8 tell how
much of an item is there, also where words were changed. Both are of normalised text, of prompts and
of answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.contamination.index import Index
from tutelage.curate.contamination.scan import PARTS, parts, shared
from tutelage.curate.contamination.summary import one_each, summary
from tutelage.curate.findings import none

SHORT, LONG = 8, 13

SURE = 0.4
"""Share of an item's runs of eight words from which a row holds it: with one word in ten changed
0.43 of them are left."""

FEWER = 0.25
"""The share of a prompt that will do where a run of 13 words is shared. Answers to different
questions share more than that: code, and sums, are written in few ways."""

ANSWER_RUNS = 5
"""An answer with fewer runs than this may be written by anyone."""

SHORT_ITEM_WORDS = 3
"""An item too short for a run is found where a whole prompt is the same, from so many words on."""


@WHOLE_CHECKS.register("contamination")
class Contamination(WholeCheck):
    """An evaluation item stands in the row: its prompt or its answer, word for word or nearly.

    Runs of words that many items or many rows have in common are templates and count for nothing.
    Items of fewer than eight words are found where the row asks the same and nothing else.
    """

    severity = "error"
    title = "Evaluation item in the training data"
    suggestion = "Leave the row out, or the item's score says what was learnt by heart."
    uses = ("content",)
    against = True

    def conclude(self, data: Dataset) -> Conclusion:
        """One finding a row, for the item that it holds most of."""
        sets = {name: items for name, items in data.against().items() if items.count}
        items = _items(sets)
        if items.is_empty() or not data.count:
            return Conclusion(none(), {})
        short = Index(items["words"], items["set"], SHORT)
        long = Index(items["words"], items["set"], LONG)
        held = _held(shared(data, short, long), short, items)
        held = pl.concat([held, _same_prompts(data, sets)], how="diagonal")
        share = (pl.col("share") * 100).floor().cast(pl.Int64)
        detail = pl.format("holds {} % of the {} of {}", share, "of", "name")
        return Conclusion(one_each(data, held, detail), summary(sets, held))


def _items(sets: Mapping[str, Dataset]) -> pl.DataFrame:
    """Prompts and answers of all items: `set`, `item` (its place), `of`, `words`."""
    tables = []
    for name, items in sets.items():
        rows = items.rows()
        for part, texts in zip(PARTS, _halves(parts(rows)), strict=True):
            tables.append(
                rows.select(
                    pl.lit(name).alias("set"),
                    pl.col("at").cast(pl.Int64).alias("item"),
                    pl.lit(part).alias("of"),
                    texts.alias("words"),
                )
            )
    return pl.concat(tables) if tables else pl.DataFrame()


def _halves(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    return texts[: len(texts) // 2], texts[len(texts) // 2 :]


def _held(found: pl.DataFrame, short: Index, items: pl.DataFrame) -> pl.DataFrame:
    """Rows that hold enough of an item: `at`, `part`, `set`, `item`, `of`, `share`, `long`."""
    table = items.drop("words").with_row_index("text").cast({"text": pl.Int64})
    table = table.with_columns(pl.Series("total", short.totals))
    share = pl.col("short") / pl.col("total")
    prompt = (share >= SURE) | ((pl.col("long") > 0) & (share >= FEWER))
    answer = (share >= SURE) & (pl.col("total") >= ANSWER_RUNS)
    return (
        found.join(table, on="text")
        .filter(pl.when(pl.col("of") == "prompt").then(prompt).otherwise(answer))
        .select("at", "part", "set", "item", "of", share.alias("share"), "long")
    )


def _same_prompts(data: Dataset, sets: Mapping[str, Dataset]) -> pl.DataFrame:
    """Rows that ask what a short item asks."""
    asked = data.feature("content").select("prompt").with_row_index("at").cast({"at": pl.Int64})
    tables = [asked.select("at").clear()]
    for name, items in sets.items():
        rows = items.rows().with_columns(parts(items.rows())[: items.count].alias("text"))
        size = pl.col("text").str.count_matches(r"\S+")
        short = rows.select(
            pl.col("at").cast(pl.Int64).alias("item"),
            items.feature("content")["prompt"],
            size.is_between(SHORT_ITEM_WORDS, SHORT - 1).alias("short"),
        ).filter("short")
        tables.append(
            asked.join(short.drop("short"), on="prompt").select(
                "at",
                "item",
                pl.lit(name).alias("set"),
                pl.lit("prompt").alias("part"),
                pl.lit("prompt").alias("of"),
                pl.lit(1.0).alias("share"),
                pl.lit(0, pl.Int64).alias("long"),
            )
        )
    return pl.concat(tables, how="diagonal")
