"""Batches and datasets from rows in memory, for tests and benchmarks of checks.

The same functions as an audit's, without its files: rows are read by the formats, features computed
batch by batch, checks of the whole concluded in their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import polars as pl

from tutelage.curate.batch import Batch, batch_of
from tutelage.curate.check import CHECKS, FEATURES, WHOLE_CHECKS, Conclusion, Dataset
from tutelage.curate.findings import FOUND
from tutelage.data.audit_options import AuditOptions
from tutelage.data.options import SourceOptions
from tutelage.data.reading import Reading, stream

Row = Mapping[str, Any]


def batch(rows: Sequence[Row], name: str = "made.jsonl") -> Batch:
    """Rows of one format as a batch; every one must be readable."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
        readings = list(stream([SourceOptions(path=str(path))], Path(folder)))
    unread = [reading for reading in readings if not isinstance(reading, Reading)]
    if unread:
        raise ValueError(f"{len(unread)} rows cannot be read, the first: {unread[0]}")
    return batch_of([reading for reading in readings if isinstance(reading, Reading)])


@dataclass
class InMemory:
    """A `Dataset` of one batch, whose features are computed when first asked for."""

    of: Batch
    options: AuditOptions
    sets: Mapping[str, Dataset] = field(default_factory=dict)
    concluded: dict[str, Conclusion] = field(default_factory=dict)
    features: dict[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.of)

    def feature(self, name: str) -> pl.DataFrame:
        if name not in self.features:
            self.features[name] = FEATURES.get(name)(self.options).of(self.of)
        return self.features[name]

    def rows(self, places: Sequence[int] | pl.Series | None = None) -> pl.DataFrame:
        return self.of.rows if places is None else self.of.rows[places]

    def columns(self, name: str) -> pl.DataFrame:
        columns = self.conclude(name).columns
        if columns is None:
            raise ValueError(f"check {name} gives no columns")
        return columns

    def against(self) -> Mapping[str, Dataset]:
        return self.sets

    def conclude(self, name: str) -> Conclusion:
        """What a check of the whole says."""
        if name not in self.concluded:
            self.concluded[name] = WHOLE_CHECKS.get(name)(self.options).conclude(self)
        return self.concluded[name]


def dataset(
    rows: Sequence[Row],
    against: Mapping[str, Sequence[Row]] | None = None,
    options: AuditOptions | None = None,
) -> InMemory:
    """Rows as a dataset, and evaluation sets to compare it with."""
    options = options or AuditOptions()
    sets = {
        name: InMemory(batch(items, name=f"{name}.jsonl"), options)
        for name, items in (against or {}).items()
    }
    return InMemory(batch(rows), options, sets)


def findings(
    name: str,
    rows: Sequence[Row],
    against: Mapping[str, Sequence[Row]] | None = None,
    options: AuditOptions | None = None,
) -> pl.DataFrame:
    """What a check, of rows or of the whole, finds in rows; `at` is the row's position."""
    options = options or AuditOptions()
    if name in CHECKS.names():
        found = CHECKS.get(name)(options).find(batch(rows))
    else:
        found = dataset(rows, against, options).conclude(name).findings
    if found.schema != FOUND:
        raise ValueError(f"check {name} gives {found.schema}, expected {FOUND}")
    return found
