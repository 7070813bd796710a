"""Findings: what a check says of rows, as columns.

A finding names the row, the field of the file, where in its text the evidence stands (in
characters), what is wrong and what to do about it. Checks build them with the functions here, and a
check finds nothing with `none()`.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
"""From the mildest: worth knowing; probably harmful to train on; surely so."""

FOUND = {
    "at": pl.UInt32,
    "field": pl.String,
    "start": pl.UInt32,
    "end": pl.UInt32,
    "score": pl.Float32,
    "detail": pl.String,
    "suggestion": pl.String,
}
"""What a check gives: the row's place in the batch, the field (null for the row as a whole), the
span of characters that shows it (null where the whole field does), how sure or how bad from 0 to 1
(null where it simply is so), what is wrong, and what to do (null for what the check says in
general)."""


def none() -> pl.DataFrame:
    """No findings."""
    return pl.DataFrame(schema=FOUND)


def found(
    table: pl.DataFrame,
    detail: str | pl.Expr,
    *,
    field: str | pl.Expr | None = "field",
    start: pl.Expr | None = None,
    end: pl.Expr | None = None,
    score: pl.Expr | None = None,
    suggestion: str | pl.Expr | None = None,
) -> pl.DataFrame:
    """Findings, one for each line of a table that has the column `at`.

    Args:
        table: lines of `batch.texts` or `batch.rows`.
        detail: what is wrong: one text for all, or an expression over the table.
        field: the column that names the field: `field` in `texts`, `response_field` and so on in
            `rows`; None for the row as a whole.
        start: first character of the evidence in the field's text.
        end: behind its last character.
        score: from 0 to 1.
        suggestion: what to do about it.

    Returns:
        Columns as in `FOUND`.
    """
    given = {
        "at": pl.col("at"),
        "field": pl.col(field)
        if isinstance(field, str)
        else pl.lit(None)
        if field is None
        else field,
        "start": start,
        "end": end,
        "score": score,
        "detail": pl.lit(detail) if isinstance(detail, str) else detail,
        "suggestion": pl.lit(suggestion) if isinstance(suggestion, str) else suggestion,
    }
    # Polars 2.1 panics in `pl.format` over filtered tables whose columns differ in their chunks.
    return table.rechunk().select(
        (pl.lit(None) if expression is None else expression).cast(FOUND[name]).alias(name)
        for name, expression in given.items()
    )


def matches(
    texts: pl.DataFrame,
    pattern: str,
    detail: str | pl.Expr,
    *,
    field: str = "field",
    column: str = "text",
    suggestion: str | pl.Expr | None = None,
) -> pl.DataFrame:
    """Findings where a text has a match, with the first match as evidence.

    Args:
        texts: lines with `at`, the field's name and the text.
        pattern: a regular expression of Rust's regex crate (no look-around), which takes time
            linear in the text; begin it with `(?i)` where case does not matter.
        detail: what is wrong; an expression may use the column `match`.
        field: the column that names the field.
        column: the column that holds the text.
        suggestion: what to do about it.
    """
    hits = texts.filter(pl.col(column).str.contains(pattern))
    if hits.is_empty():
        return none()
    hits = hits.with_columns(
        pl.col(column).str.extract(pattern, 0).alias("match"),
        _characters_before(hits[column], hits[column].str.find(pattern)).alias("start"),
    )
    end = pl.col("start") + pl.col("match").str.len_chars()
    return found(hits, detail, field=field, start=pl.col("start"), end=end, suggestion=suggestion)


def _characters_before(texts: pl.Series, offsets: pl.Series) -> pl.Series:
    """Character positions of byte offsets."""
    pairs = zip(texts, offsets, strict=True)
    return pl.Series(
        [len(text.encode()[:offset].decode()) for text, offset in pairs], dtype=pl.UInt32
    )
