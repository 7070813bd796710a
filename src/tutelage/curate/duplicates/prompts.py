"""Rows that ask what an earlier row asks and answer otherwise."""

from __future__ import annotations

import polars as pl

from tutelage.curate.check import Dataset
from tutelage.curate.duplicates.naming import firsts
from tutelage.curate.normal import normalised

SHORT = 8
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
    within = one.str.contains(other, literal=True) | other.str.contains(one, literal=True)
    agree = within | _no_more(_telling("answer"), _telling("first_answer"))
    closed = ~pl.col("instruction").str.contains(OPEN)
    return table.filter(closed & ~agree)["at"]


def _telling(answer: str) -> pl.Expr:
    """The words of an answer that say something: `It is Paris` says what `Paris` does."""
    return pl.col(answer).str.extract_all(r"\w{4,}|[0-9]+")


def _no_more(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Whether one list of words, neither being empty, says nothing beyond the other."""
    beyond = (one.list.set_difference(other), other.list.set_difference(one))
    some = (one.list.len() > 0) & (other.list.len() > 0)
    return some & (pl.min_horizontal(words.list.len() for words in beyond) == 0)


_OF_FIRST = {"at": "first_at", "instruction": "first_instruction", "answer": "first_answer"}


def _answers(data: Dataset, places: pl.Series) -> pl.DataFrame:
    rows = data.rows(places)
    return rows.select(
        pl.col("at").cast(pl.Int64), "instruction", normalised(rows["response"]).alias("answer")
    )
