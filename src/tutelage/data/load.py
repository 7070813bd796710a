"""Read every source of a recipe into examples, enter every row in the ledger, and split.

Rows are drawn (`limit`) before they are read, by a hash of file and row, so that a million rows
of which a thousand are wanted cost a thousand examples, and the draw has its fair part of the
defects.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from tutelage.data.detect import choose, claims
from tutelage.data.example import Example, Source
from tutelage.data.fates import Fate, Reason
from tutelage.data.format import Draft, Format
from tutelage.data.ledger import Ledger
from tutelage.data.normalise import rank
from tutelage.data.options import DataOptions, SourceOptions
from tutelage.data.rows import MAX_ROW_BYTES, BadRow, Row
from tutelage.data.sources import Origin, Record, origins, record, unwrap
from tutelage.data.splits import Splits, split
from tutelage.errors import UserError

SAMPLE = 100
"""Rows that a file's format is detected from."""

TASK_FIELDS = ("task", "task_name", "category")
"""Fields of a row that name its task, the first that holds text."""


class _Pending(NamedTuple):
    """A row not yet read: where it stands, what it holds and how to read it."""

    source: Source
    values: Mapping[str, Any] | BadRow
    shape: Format
    task: str


def load(options: DataOptions, folder: Path) -> Splits:
    """Read, detect, and split.

    Args:
        options: the recipe's `data`.
        folder: the recipe's folder, which relative paths start from.

    Returns:
        Examples to train on, to validate with and to test with, and the ledger of all rows.

    Raises:
        UserError: a source cannot be used at all, or a split cannot be made. Rows that cannot be
            read are marks in the ledger; `ledger.check` turns too many into an error.
    """
    reader = _Reader(folder, options.seed, Ledger())
    train = reader.read(options.train, "train")
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
    labels: Counter[str] = field(default_factory=Counter)
    """How often each file was read: a second reading has rows of its own in the ledger."""

    def read(self, sources: Iterable[SourceOptions], split: str) -> list[Example]:
        """All examples of a split's sources, in order."""
        return [example for options in sources for example in self._source(options, split)]

    def _source(self, options: SourceOptions, split: str) -> Iterator[Example]:
        pending = self._registered(options, split)
        if options.limit is not None:
            pending = self._drawn(pending, options.limit)
        for row in pending:
            try:
                yield self._example(row, options)
            except BadRow as defect:
                self.ledger.mark(row.source, Fate.DROPPED, defect.reason, defect.detail)

    def _registered(self, options: SourceOptions, split: str) -> Iterator[_Pending]:
        """Every row of a source, entered in the ledger."""
        for origin in origins(options, self.folder):
            self.labels[origin.label] += 1
            times = self.labels[origin.label]
            label = origin.label if times == 1 else f"{origin.label} (reading {times})"
            task = options.task or origin.task
            for row in _rows(origin, options, label, task):
                self.ledger.register(row.source, task, split)
                yield row

    def _drawn(self, pending: Iterator[_Pending], limit: int) -> Iterator[_Pending]:
        """At most `limit` rows, drawn by hash, in their order; the rest is marked."""
        seen: list[Source] = []

        def noted() -> Iterator[tuple[bytes, int, _Pending]]:
            for row in pending:
                seen.append(row.source)
                yield (
                    rank(self.seed, f"{row.source.file}\0{row.source.row}".encode()),
                    len(seen),
                    row,
                )

        chosen = sorted(heapq.nsmallest(limit, noted()), key=lambda item: item[1])
        kept = {row.source for _, _, row in chosen}
        for source in seen:
            if source not in kept:
                self.ledger.mark(source, Fate.DROPPED, Reason.NOT_SAMPLED)
        return (row for _, _, row in chosen)

    def _example(self, pending: _Pending, options: SourceOptions) -> Example:
        if isinstance(pending.values, BadRow):
            raise pending.values
        row = Row(pending.values)
        draft = pending.shape.read(row, options)
        _check_size(draft)
        task = options.task or draft.task or _row_task(row) or pending.task
        if task != pending.task:
            self.ledger.assign(pending.source, task=task)
        for reason, detail in row.changes:
            self.ledger.mark(pending.source, Fate.CHANGED, reason, detail)
        return Example(
            messages=draft.messages,
            source=pending.source,
            negatives=draft.negatives,
            references=draft.references,
            task=task,
            tools=draft.tools,
            meta=row.rest(),
        )


def _rows(origin: Origin, options: SourceOptions, label: str, task: str) -> Iterator[_Pending]:
    """The rows of a file with the format that reads them; records of several are unfolded."""
    stream = origin.records()
    head = list(islice(stream, SAMPLE))
    head = _opened_wrapper(head, options)
    shape = choose(_readable(head[:SAMPLE], origin), options, origin.label)
    extra = 0
    for number, values in chain(head, stream):
        parts = _unfolded(values, shape)
        for i, part in enumerate(parts):
            yield _Pending(Source(label, number + extra + i), part, shape, task)
        extra += len(parts) - 1


def _opened_wrapper(head: list[Record], options: SourceOptions) -> list[Record]:
    """The rows inside a file's only record, if that is but a wrapper of them."""
    if len(head) != 1 or isinstance(head[0].values, BadRow):
        return head
    values = head[0].values
    inner = unwrap(values)
    if inner is None or claims(values, options):
        return head
    return [record(number, value) for number, value in enumerate(inner)]


def _readable(head: list[Record], origin: Origin) -> list[Mapping[str, Any]]:
    """The records of a file's head that are rows."""
    readable = [values for _, values in head if not isinstance(values, BadRow)]
    if readable:
        return readable
    first = head[0].values if head else None
    said = (
        f"none of its first {len(head)} rows can be read; {first.detail}"
        if isinstance(first, BadRow)
        else "the file holds no rows"
    )
    raise UserError(said, where=origin.label)


def _unfolded(
    values: Mapping[str, Any] | BadRow, shape: Format
) -> Sequence[Mapping[str, Any] | BadRow]:
    """The rows of a record; one that holds none, or is broken, is a row with a defect."""
    if isinstance(values, BadRow):
        return [values]
    try:
        return shape.unfold(values)
    except BadRow as defect:
        return [defect]


def _row_task(row: Row) -> str | None:
    """The task that a row names in a field its format has no other use for."""
    rest = row.rest()
    for name in TASK_FIELDS:
        if isinstance(rest.get(name), str) and rest[name].strip():
            return row.text(name)
    return None


def _check_size(draft: Draft) -> None:
    """A row may not hold more text than a line may, whatever file it came in."""
    size = sum(len(message.content) for message in draft.messages) + sum(map(len, draft.negatives))
    if size > MAX_ROW_BYTES:
        limit = f"at most {MAX_ROW_BYTES:,}"
        raise BadRow(Reason.TOO_LARGE, "row", f"{size:,} characters", limit)
