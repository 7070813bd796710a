"""All rows of a dataset as checks of the whole see them: features in memory, texts on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tutelage.curate.check import Dataset
from tutelage.pipeline.audit.engine import Task
from tutelage.pipeline.audit.parts import Part


@dataclass(slots=True)
class Stored:
    """A dataset that lies in parts; it is a `curate.check.Dataset`.

    Attributes:
        parts: in order, each examined.
        task: what they were examined with.
        concluded: columns of the checks of the whole that are done.
        sets: the evaluation sets.
    """

    parts: Sequence[Part]
    task: Task
    concluded: dict[str, pl.DataFrame] = field(default_factory=dict)
    sets: Mapping[str, Dataset] = field(default_factory=dict)
    _features: dict[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of rows."""
        return sum(part.rows for part in self.parts)

    def feature(self, name: str) -> pl.DataFrame:
        """A feature of every row, in order."""
        if name not in self._features:
            paths = [self.task.results(part, name) for part in self.parts]
            tables = [pl.read_ipc(path) for path in paths]
            self._features[name] = pl.concat(tables)
        return self._features[name]

    def rows(self, places: Sequence[int] | pl.Series | None = None) -> pl.DataFrame:
        """Lines of `Batch.rows` at these places, in the order asked for, with `at` the place."""
        if places is None:
            tables = [_placed(part.batch().rows, part) for part in self.parts]
            return pl.concat(tables) if tables else pl.DataFrame()
        wanted = np.asarray(places, dtype=np.int64)
        order = np.argsort(wanted, kind="stable")
        firsts = np.array([part.first for part in self.parts])
        owners = np.searchsorted(firsts, wanted[order], side="right") - 1
        found: list[pl.DataFrame] = []
        for owner in np.unique(owners):
            part = self.parts[owner]
            local = wanted[order][owners == owner] - part.first
            found.append(_placed(part.batch().rows.select(pl.all().gather(local.tolist())), part))
        if not found:
            return _placed(self.parts[0].batch().rows.clear(), self.parts[0])
        back = np.argsort(order, kind="stable").tolist()
        return pl.concat(found).select(pl.all().gather(back))

    def places(self) -> pl.DataFrame:
        """Where every row stands: its place `at`, `source`, `row` and `task`."""
        names = ["at", "source", "row", "task"]
        return pl.concat(_placed(part.batch().rows.select(names), part) for part in self.parts)

    def columns(self, name: str) -> pl.DataFrame:
        """The columns of a check of the whole that is done."""
        return self.concluded[name]

    def against(self) -> Mapping[str, Dataset]:
        """The evaluation sets, by name."""
        return self.sets


def _placed(rows: pl.DataFrame, part: Part) -> pl.DataFrame:
    return rows.with_columns(pl.col("at") + pl.lit(part.first, pl.UInt32))
