"""All checks of single rows over one batch: the same function in one process, in several, on
Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import Check, WholeCheck
from tutelage.curate.chosen import Chosen, is_own
from tutelage.curate.findings import FOUND, SEVERITIES
from tutelage.errors import UserError

FINDINGS: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.UInt32,
    "row": pl.Int64,
    "source": pl.String,
    "check": pl.String,
    "severity": pl.Enum(SEVERITIES),
    "field": pl.String,
    "start": pl.UInt32,
    "end": pl.UInt32,
    "evidence": pl.String,
    "score": pl.Float32,
    "detail": pl.String,
    "suggestion": pl.String,
}
"""Columns of `findings.parquet`. `id` is the row's place among all rows that could be read, null
for one that could not; `row` its 0-based position in `source`."""

ORDER = ("id", "source", "row", "check", "field", "start", "detail")
"""Findings stand in this order, however they were come by."""

SHOWN_CHARACTERS = 200
"""Evidence is cut to this many characters; the span says how long it is."""


class Examined(NamedTuple):
    """What is known of a batch.

    Attributes:
        findings: of the checks of single rows, with columns as in `FINDINGS`.
        features: of the rows, for checks of the whole, by name.
    """

    findings: pl.DataFrame
    features: dict[str, pl.DataFrame]


def examine(batch: Batch, chosen: Chosen) -> Examined:
    """Run the checks of single rows, and compute the features, over a batch."""
    first = pl.lit(batch.first, pl.UInt32)
    parts = []
    for name, check in chosen.checks.items():
        with told(name, check):
            found = labelled(check.find(batch), name, chosen, batch.rows, batch.texts)
        parts.append(found.with_columns(pl.col("id") + first))
    features = {name: feature.of(batch) for name, feature in chosen.features.items()}
    for name, table in features.items():
        if len(table) != len(batch):
            raise ValueError(f"feature {name} has {len(table)} lines for {len(batch)} rows")
    return Examined(in_order(parts), features)


@contextmanager
def told(name: str, check: Check | WholeCheck) -> Iterator[None]:
    """Tell the user what goes wrong in a check of their own; what does in ours is a bug.

    Raises:
        UserError: the user's check fails, or gives no findings.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, UserError) or not is_own(check):
            raise
        raise UserError(
            f"{type(error).__name__}: {error}",
            where=f"the check {name} of your own",
            fix='see docs/audit.md, "A check of your own"',
        ) from error


def labelled(
    found: pl.DataFrame, name: str, chosen: Chosen, rows: pl.DataFrame, texts: pl.DataFrame
) -> pl.DataFrame:
    """A check's findings with what it does not say itself: check, severity, where, and evidence.

    Args:
        found: columns as in `findings.FOUND`.
        name: the check's.
        chosen: what is run.
        rows: `at`, `source` and `row` of at least the rows found.
        texts: `at`, `field` and `text` of at least the fields found.
    """
    if found.schema != FOUND:
        raise ValueError(f"check {name} gives {found.schema}, expected {FOUND}")
    if found.is_empty():
        return pl.DataFrame(schema=FINDINGS)
    check = chosen.checks.get(name) or chosen.whole[name]
    fields = texts.select("at", "field", "text").unique(["at", "field"], keep="last")
    whole = found.join(rows.select("at", "source", "row"), on="at", how="left")
    whole = whole.join(fields, on=["at", "field"], how="left", nulls_equal=False)
    length = (pl.col("end") - pl.col("start")).clip(upper_bound=SHOWN_CHARACTERS)
    return whole.select(
        pl.col("at").alias("id"),
        "row",
        "source",
        pl.lit(name).alias("check"),
        pl.lit(chosen.severity(name), dtype=FINDINGS["severity"]).alias("severity"),
        "field",
        "start",
        "end",
        pl.col("text").str.slice(pl.col("start"), length).alias("evidence"),
        "score",
        "detail",
        pl.col("suggestion").fill_null(check.suggestion),
    ).cast(FINDINGS)  # type: ignore[arg-type]


def in_order(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Findings as one table, in the order in which they are reported."""
    empty = pl.DataFrame(schema=FINDINGS)
    return pl.concat([empty, *parts]).sort(ORDER, nulls_last=False, maintain_order=True)
