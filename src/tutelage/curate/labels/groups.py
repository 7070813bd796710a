"""Rows that are one classification: the same instruction or task, and few short answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

ROWS = 50
"""Rows below which a classification cannot be learned."""

MOST_ROWS = 50_000
"""Rows of one classification that are looked at, the first of it."""

EACH = 5
"""Rows of a label below which it is not judged: each part of a cross-validation needs one."""

LABELS = 200
"""Labels above which answers are no classification."""

ROWS_EACH = 10
"""Rows that a label has on average, at least."""

SHARE = 0.8
"""Share of a task's rows that must be answered by a label."""


class Group(NamedTuple):
    """A classification.

    Attributes:
        name: of its task.
        places: (rows,) in the dataset, in order.
        labels: (rows,) a number for each row's label.
        by_instruction: its rows have one instruction, and differ in their input.
    """

    name: str
    places: pl.Series
    labels: pl.Series
    by_instruction: bool


def groups(labels: pl.DataFrame) -> Iterator[Group]:
    """The classifications of a dataset.

    Args:
        labels: the feature `label` of every row.
    """
    rows = labels.with_row_index("at")
    several = pl.col("asked").is_not_null() & (pl.len().over("asked") >= ROWS)
    by_instruction = rows.filter(several)
    yield from _groups(by_instruction, "asked", True)
    rest = rows.join(by_instruction.select("at"), on="at", how="anti", maintain_order="left")
    yield from _groups(rest, "task", False)


def _groups(rows: pl.DataFrame, by: str, by_instruction: bool) -> Iterator[Group]:
    for some in rows.partition_by(by, maintain_order=True):
        answered = some.drop_nulls("label").head(MOST_ROWS)
        known = answered.filter(pl.len().over("label") >= EACH)
        count = known["label"].n_unique()
        if (
            len(known) >= max(ROWS, SHARE * min(len(some), MOST_ROWS), ROWS_EACH * count)
            and 2 <= count <= LABELS
        ):
            numbers = known["label"].rank("dense").cast(pl.Int64) - 1
            yield Group(known["task"][0], known["at"], numbers, by_instruction)
