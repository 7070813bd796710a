"""Read every source of a recipe into examples, enter every row in the ledger, and split.

Rows are drawn (`limit`) before they are read, by a hash of file and row, so that a million rows
of which a thousand are wanted cost a thousand examples, and the draw has its fair part of the
defects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tutelage.data.example import Example, Source
from tutelage.data.fates import Fate, Reason
from tutelage.data.ledger import Ledger
from tutelage.data.options import DataOptions, SourceOptions
from tutelage.data.reading import Pending, drawn, pending_rows, read, readings
from tutelage.data.rows import BadRow
from tutelage.data.splits import Splits, split


def load(
    options: DataOptions, folder: Path, leave_out: Mapping[Source, str] | None = None
) -> Splits:
    """Read, detect, and split.

    Args:
        options: the recipe's `data`.
        folder: the recipe's folder, which relative paths start from.
        leave_out: rows not to train on, by the name of their file, with the reason.

    Returns:
        Examples to train on, to validate with and to test with, and the ledger of all rows.

    Raises:
        UserError: a source cannot be used at all, or a split cannot be made. Rows that cannot be
            read are marks in the ledger; `ledger.check` turns too many into an error.
    """
    reader = _Reader(folder, options.seed, Ledger())
    train = reader.read(options.train, "train", leave_out or {})
    validation = _own(options.validation, reader, "validation")
    test = _own(options.test, reader, "test")
    return split(train, validation, test, options, reader.ledger)


def _own(
    setting: list[SourceOptions] | float | int, reader: _Reader, name: str
) -> list[Example] | float | int:
    """The examples of a split's own sources; a share or number as it is."""
    return reader.read(setting, name) if isinstance(setting, list) else setting


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads sources into examples and the ledger."""

    folder: Path
    seed: int
    ledger: Ledger
    times: Counter[str] = field(default_factory=Counter)
    """How often each file was read: a second reading has rows of its own in the ledger."""

    def read(
        self,
        sources: Iterable[SourceOptions],
        split: str,
        leave_out: Mapping[Source, str] = MappingProxyType({}),
    ) -> list[Example]:
        """All examples of a split's sources, in order."""
        return [
            example for options in sources for example in self._source(options, split, leave_out)
        ]

    def _source(
        self, options: SourceOptions, split: str, leave_out: Mapping[Source, str]
    ) -> Iterator[Example]:
        pending = self._registered(options, split, leave_out)
        if options.limit is not None:
            pending = self._drawn(pending, options.limit)
        for row in pending:
            try:
                yield self._example(row, options)
            except BadRow as defect:
                self.ledger.mark(row.source, Fate.DROPPED, defect.reason, defect.detail)

    def _registered(
        self, options: SourceOptions, split: str, leave_out: Mapping[Source, str]
    ) -> Iterator[Pending]:
        """Every row of a source, entered in the ledger; those to leave out end there."""
        for origin, _ in readings([options], self.folder, self.times):
            for row in pending_rows(origin, options):
                self.ledger.register(row.source, row.task, split)
                reason = leave_out.get(row.source)
                if reason is None:
                    yield row
                else:
                    self.ledger.mark(row.source, Fate.DROPPED, Reason.AUDIT_ERROR, reason)

    def _drawn(self, pending: Iterator[Pending], limit: int) -> Iterator[Pending]:
        """At most `limit` rows, drawn by hash, in their order; the rest is marked."""
        seen: list[Source] = []

        def noted() -> Iterator[Pending]:
            for row in pending:
                seen.append(row.source)
                yield row

        chosen = drawn(noted(), limit, self.seed)
        kept = {row.source for row in chosen}
        for source in seen:
            if source not in kept:
                self.ledger.mark(source, Fate.DROPPED, Reason.NOT_SAMPLED)
        return iter(chosen)

    def _example(self, pending: Pending, options: SourceOptions) -> Example:
        reading = read(pending, options)
        if reading.example.task != pending.task:
            self.ledger.assign(pending.source, task=reading.example.task)
        for reason, detail in reading.changes:
            self.ledger.mark(pending.source, Fate.CHANGED, reason, detail)
        return reading.example
