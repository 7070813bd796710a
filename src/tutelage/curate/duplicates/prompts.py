"""Rows that ask what an earlier row asks and answer otherwise."""

from __future__ import annotations

import polars as pl

from tutelage.curate.check import Dataset
from tutelage.curate.duplicates.naming import firsts
from tutelage.curate.normal import PROMPT, joined, normalised

SHORT = 5
"""Words of an answer that is right or wrong, rather than one of many."""

OPEN = (
    r"(?i)\b(generat|writ|creat|compos|suggest|brainstorm|invent|imagin|propos|design|devis|craft"
    r"|describ|rephras|paraphras|rewrit|reword|summari|list|exampl|random|some|think of|come up"
    r"|make up|(?:name|give|tell|provide|find|pick|choose|select|add|use)\s+(?:me\s+)?(?:an?|any"
    r"|one|two|three|four|five|[0-9]+)\b)"
)
"""What asks for one of many right answers, by how such tasks are worded in English."""


def answered_otherwise(data: Dataset) -> pl.DataFrame:
    """Later rows with the prompt of an earlier one and another answer.

    Returns:
        `at`, `kept` (the first row with the prompt) and `conflict`: at most one of the two answers
        can be right.
    """
    content = data.feature("content").select("prompt", "answer", "answer_words")
    table = content.with_columns(
        firsts(content.select("prompt")).alias("kept"),
        firsts(content.select("prompt", "answer")).alias("same"),
    ).with_row_index("at")
    others = table.filter(
        pl.col("prompt").is_not_null()
        & (pl.col("kept") != pl.col("at"))
        & (pl.col("same") == pl.col("at"))
    )
    short = others["answer_words"].is_between(1, SHORT) & content["answer_words"][
        others["kept"]
    ].is_between(1, SHORT)
    others = others.select(pl.col("at").cast(pl.Int64), "kept").with_columns(short.alias("short"))
    conflicts = _conflicts(data, others.filter("short"))
    return others.with_columns(pl.col("at").is_in(conflicts.implode()).alias("conflict"))


def _conflicts(data: Dataset, pairs: pl.DataFrame) -> pl.Series:
    """Those of rows with short answers whose answer excludes the first row's."""
    later = _answers(data, pairs["at"])
    table = pl.concat([later, _answers(data, pairs["kept"]).rename(_OF_FIRST)], how="horizontal")
    one, other = (pl.format(" {} ", name) for name in ("answer", "first_answer"))
    agree = one.str.contains(other, literal=True) | other.str.contains(one, literal=True)
    closed = ~pl.col("prompt").str.contains(OPEN)
    return table.filter(closed & ~agree)["at"]


_OF_FIRST = {"at": "first_at", "prompt": "first_prompt", "answer": "first_answer"}


def _answers(data: Dataset, places: pl.Series) -> pl.DataFrame:
    return data.rows(places).select(
        pl.col("at").cast(pl.Int64),
        joined(*PROMPT).alias("prompt"),
        normalised(pl.col("response")).alias("answer"),
    )
