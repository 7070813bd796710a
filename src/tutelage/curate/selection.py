"""Choosing k rows of a dataset: the seam of selection methods, and what quality is.

A method sees the features of all rows and a quality of each, and gives places with a reason for
each, the best first. Quality comes from what the audit found: a row with an error is worth nothing,
and each check that warns of a row takes three tenths off what it is worth. So a method never trades
a sound row for a broken one that happens to lie where no other does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tutelage.curate.check import Dataset
from tutelage.data.audit_options import AuditOptions
from tutelage.errors import UserError
from tutelage.registry import Registry

WARNED = 0.7
"""What a row is worth after each check that warns of it."""

SELECTION = {
    "at": pl.UInt32,
    "rank": pl.UInt32,
    "quality": pl.Float32,
    "reason": pl.String,
}
"""The chosen rows, best first: place in the dataset, rank from 0, quality, and why."""

Quality = NDArray[np.float64]
"""(rows,) from 0 (has an error) to 1."""


class Picks(NamedTuple):
    """What a method chooses.

    Attributes:
        places: in the dataset, the best first, each once.
        reasons: why, one for each.
    """

    places: NDArray[np.int64]
    reasons: Sequence[str]


class Method(ABC):
    """A way to choose rows.

    Attributes:
        uses: the features it needs.
        takes_broken: it may choose rows with errors.
        scored: it reads the `columns` of `model`, scores of all rows by a local model.
    """

    uses: ClassVar[tuple[str, ...]] = ()
    takes_broken: ClassVar[bool] = False
    scored: ClassVar[bool] = False

    def __init__(self, options: AuditOptions) -> None:
        self.options = options

    @abstractmethod
    def pick(self, data: Dataset, quality: Quality, count: int) -> Picks:
        """Choose `count` rows; the same for the same rows in the same order.

        Args:
            data: all rows.
            quality: of each; `count` of them or more are above 0, unless it `takes_broken`.
            count: at least 1.
        """


METHODS: Registry[type[Method]] = Registry("selection method", "tutelage.curate.select")


def select(data: Dataset, findings: pl.DataFrame, options: AuditOptions) -> pl.DataFrame:
    """Choose the rows that `options.select` and `options.select_by` ask for.

    Args:
        data: all rows, with the features that the method uses.
        findings: what was found in them, with `id`, `check` and `severity`.
        options: the audit's.

    Returns:
        Columns as in `SELECTION`.

    Raises:
        UserError: fewer rows are fit to be chosen.
    """
    count = options.select or 0
    method = METHODS.get(options.select_by)(options)
    quality = quality_of(findings, data.count)
    fit = data.count if method.takes_broken else int((quality > 0).sum())
    if count > fit:
        raise UserError(
            f"{count:,} rows are to be selected, and {fit:,} are fit to be",
            where="data.audit.select",
            fix=f"select {fit:,} or fewer" if fit else "mend the errors first (--clean)",
        )
    picks = method.pick(data, quality, count)
    return pl.DataFrame(
        {
            "at": picks.places,
            "rank": np.arange(count),
            "quality": quality[picks.places],
            "reason": list(picks.reasons),
        }
    ).cast(SELECTION)  # type: ignore[arg-type]


def quality_of(findings: pl.DataFrame, count: int) -> Quality:
    """What each row is worth by what was found in it.

    Args:
        findings: with `id` (null for rows that could not be read), `check` and `severity`.
        count: of rows.
    """
    worth = np.ones(count)
    known = findings.drop_nulls("id").select("id", "check", "severity").unique()
    worst = known.group_by("id", "check").agg(pl.col("severity").max())
    warned = worst.filter(pl.col("severity") == "warning").group_by("id").len()
    worth[warned["id"].to_numpy()] = WARNED ** warned["len"].to_numpy()
    worth[worst.filter(pl.col("severity") == "error")["id"].unique().to_numpy()] = 0
    return worth
