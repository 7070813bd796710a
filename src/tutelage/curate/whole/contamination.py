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
from tutelage.curate.contamination.summary import items_of, one_each, summary
from tutelage.curate.findings import none
from tutelage.curate.normal import words
from tutelage.curate.rare_words import prompts

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

HELD = ("at", "part", "set", "item", "name", "of", "share")
"""What is known of a row that holds an item: its place and part; the item's set, place there, name
and part; how much of it is there."""


@WHOLE_CHECKS.register("contamination")
class Contamination(WholeCheck):
    """An evaluation item stands in the row: its prompt or its answer, word for word or nearly.

    Runs of words that many items or many rows have in common are templates and count for nothing.
    Items of fewer than eight words are found where the row asks the same and nothing else.
    """

    severity = "error"
    title = "Evaluation item in the training data"
    suggestion = "Leave the row out, or the item's score says what was learnt by heart."
    precision = "0.991 [0.967, 0.997], GSM8K test items pasted into its training part"
    recall = "1.000 [0.982, 1.000]"
    uses = ("content",)
    against = True

    def conclude(self, data: Dataset) -> Conclusion:
        """One finding a row, for the item that it holds most of."""
        sets = {name: items for name, items in data.against().items() if items.count}
        if not sets or not data.count:
            return Conclusion(none(), {})
        items = items_of(sets)
        texts = pl.concat(items.with_columns(pl.lit(part).alias("of")) for part in PARTS)
        rows = pl.concat(items.rows() for items in sets.values())
        short = Index(parts(rows), texts["set"], SHORT)
        long = Index(parts(rows), texts["set"], LONG)
        held = _held(shared(data, short, long), short, texts)
        held = pl.concat([held, _same_prompts(data, sets, items)])
        share = (pl.col("share") * 100).floor().cast(pl.Int64)
        detail = pl.format("holds {} % of the {} of {}", share, "of", "name")
        return Conclusion(one_each(data, held, detail), summary(sets, held))


def _held(found: pl.DataFrame, short: Index, texts: pl.DataFrame) -> pl.DataFrame:
    """Rows that hold enough of an item, with the columns `HELD`."""
    table = texts.with_row_index("text").cast({"text": pl.Int64})
    table = table.with_columns(pl.Series("total", short.totals))
    share = pl.col("short") / pl.col("total")
    prompt = (share >= SURE) | ((pl.col("long") > 0) & (share >= FEWER))
    answer = (share >= SURE) & (pl.col("total") >= ANSWER_RUNS)
    enough = pl.when(pl.col("of") == "prompt").then(prompt).otherwise(answer)
    return (
        found.join(table, on="text").filter(enough).with_columns(share.alias("share")).select(HELD)
    )


def _same_prompts(data: Dataset, sets: Mapping[str, Dataset], items: pl.DataFrame) -> pl.DataFrame:
    """Rows that ask what a short item asks, with the columns `HELD`."""
    texts = pl.concat(prompts(of.rows()) for of in sets.values())
    size = pl.Series(words(texts).counts())
    asked = pl.concat(of.feature("content")["prompt"] for of in sets.values())
    short = items.with_columns(asked).filter(size.is_between(SHORT_ITEM_WORDS, SHORT - 1))
    rows = data.feature("content").select("prompt").with_row_index("at").cast({"at": pl.Int64})
    prompt = pl.lit("prompt")
    return (
        rows.join(short, on="prompt")
        .with_columns(part=prompt, of=prompt, share=pl.lit(1.0))
        .select(HELD)
    )
