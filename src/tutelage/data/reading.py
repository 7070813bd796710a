"""The rows of files as examples, one at a time, or what is wrong with each.

`load` reads a recipe's sources through it, drawing and splitting; an audit streams whole datasets
through it. A row keeps its raw fields beside its example, for whoever has to point into the file.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from tutelage.data.detect import choose, claims
from tutelage.data.example import Example, Source
from tutelage.data.fates import Reason
from tutelage.data.format import Draft, Format
from tutelage.data.normalise import rank
from tutelage.data.options import SourceOptions
from tutelage.data.rows import MAX_ROW_BYTES, BadRow, Row
from tutelage.data.sources import Origin, Record, origins, record, unwrap
from tutelage.errors import UserError

SAMPLE = 100
"""Rows that a file's format is detected from."""

TASK_FIELDS = ("task", "task_name", "category")
"""Fields of a row that name its task, the first that holds text."""


class Pending(NamedTuple):
    """A row not yet read: where it stands, what it holds and how to read it."""

    source: Source
    values: Mapping[str, Any] | BadRow
    shape: Format
    task: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A row that was read.

    Attributes:
        example: what it holds.
        values: the raw fields it was read from.
        changes: what had to be changed to read it: reason and detail.
    """

    example: Example
    values: Mapping[str, Any]
    changes: Sequence[tuple[Reason, str]]


def read(pending: Pending, options: SourceOptions) -> Reading:
    """Read one row.

    Raises:
        BadRow: it cannot be read.
    """
    if isinstance(pending.values, BadRow):
        raise pending.values
    row = Row(pending.values)
    draft = pending.shape.read(row, options)
    _check_size(draft)
    example = Example(
        messages=draft.messages,
        source=pending.source,
        negatives=draft.negatives,
        references=draft.references,
        task=options.task or draft.task or _row_task(row) or pending.task,
        tools=draft.tools,
        constraints=_constraints(row.values),
        meta=row.rest(),
    )
    return Reading(example, pending.values, row.changes)


@dataclass(frozen=True, slots=True)
class Unread:
    """What could not be read.

    Attributes:
        source: the row; a whole file's row is -1.
        defect: why a row cannot be read, or why a file cannot.
    """

    source: Source
    defect: BadRow | UserError


def stream(
    sources: Iterable[SourceOptions], folder: Path, seed: int | None = None
) -> Iterator[Reading | Unread]:
    """The rows of the sources, in order; a file that cannot be read does not end the rest.

    Args:
        sources: what to read.
        folder: what relative paths start from.
        seed: of the rows that a source's `limit` draws; None gives every row, whatever the limit.

    Raises:
        UserError: a source names nothing that is there.
    """
    times: Counter[str] = Counter()
    for options in sources:
        failed: list[Unread] = []
        rows: Iterable[Pending] = _pending(options, folder, times, failed)
        if seed is not None and options.limit is not None:
            rows = drawn(rows, options.limit, seed)
        for pending in rows:
            yield from _taken(failed)
            try:
                yield read(pending, options)
            except BadRow as defect:
                # Its traceback would keep the row in memory.
                yield Unread(pending.source, defect.with_traceback(None))
        yield from _taken(failed)


def _pending(
    options: SourceOptions, folder: Path, times: Counter[str], failed: list[Unread]
) -> Iterator[Pending]:
    """Every row of a source; a file that cannot be read joins `failed`."""
    for origin, _ in readings([options], folder, times):
        try:
            yield from pending_rows(origin, options)
        except UserError as error:
            failed.append(Unread(Source(origin.label, -1), error))


def _taken(failed: list[Unread]) -> Iterator[Unread]:
    """What failed since one looked last."""
    yield from failed
    failed.clear()


def drawn(rows: Iterable[Pending], limit: int, seed: int) -> list[Pending]:
    """At most `limit` rows, drawn by a hash of file and row, in their order."""
    ranked = (
        (rank(seed, f"{row.source.file}\0{row.source.row}".encode()), place, row)
        for place, row in enumerate(rows)
    )
    chosen = heapq.nsmallest(limit, ranked)
    return [row for _, _, row in sorted(chosen, key=lambda item: item[1])]


def readings(
    sources: Iterable[SourceOptions], folder: Path, times: Counter[str]
) -> Iterator[tuple[Origin, SourceOptions]]:
    """Every file of the sources, in order; one that is read again has rows of its own.

    Args:
        sources: what to read.
        folder: what relative paths start from.
        times: how often each file was read so far; counted on.

    Raises:
        UserError: a source names nothing that is there.
    """
    for options in sources:
        for origin in origins(options, folder):
            times[origin.label] += 1
            again = times[origin.label]
            label = origin.label if again == 1 else f"{origin.label} (reading {again})"
            yield origin._replace(label=label), options


def pending_rows(origin: Origin, options: SourceOptions) -> Iterator[Pending]:
    """The rows of a file with the format that reads them; records of several are unfolded."""
    for _, rows in unfolded_records(origin, options):
        yield from rows


def unfolded_records(
    origin: Origin, options: SourceOptions
) -> Iterator[tuple[Mapping[str, Any] | BadRow, list[Pending]]]:
    """The records of a file, each with its rows."""
    stream = origin.records()
    task = options.task or origin.task
    head = list(islice(stream, SAMPLE))
    head = _opened_wrapper(head, options)
    shape = choose(_readable(head[:SAMPLE], origin), options, origin.label)
    extra = 0
    for number, values in chain(head, stream):
        parts = _unfolded(values, shape)
        places = (Source(origin.label, number + extra + i) for i in range(len(parts)))
        yield (
            values,
            [Pending(place, part, shape, task) for place, part in zip(places, parts, strict=True)],
        )
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


def _constraints(values: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """Verifiable instructions as IFEval's rows hold them: ids, and for each its options."""
    ids, options = values.get("instruction_id_list"), values.get("kwargs")
    if not isinstance(ids, list) or not isinstance(options, list) or len(ids) != len(options):
        return ()
    return tuple(
        {"id": name, "kwargs": {k: v for k, v in (given or {}).items() if v is not None}}
        for name, given in zip(ids, options, strict=True)
        if isinstance(name, str) and isinstance(given, Mapping | None)
    )


def _check_size(draft: Draft) -> None:
    """A row may not hold more text than a line may, whatever file it came in."""
    size = sum(len(message.content) for message in draft.messages) + sum(map(len, draft.negatives))
    if size > MAX_ROW_BYTES:
        limit = f"at most {MAX_ROW_BYTES:,}"
        raise BadRow(Reason.TOO_LARGE, "row", f"{size:,} characters", limit)
