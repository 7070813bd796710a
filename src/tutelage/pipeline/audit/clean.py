"""The cleaned copy: the same files in the same form, without what is surely harmful.

A row with an error is mended where its check can mend it, and left out where it cannot; a warning
is mended or left as it is. Every row's fate is in a ledger that leads from old rows to new: nothing
is left out without a name, and nothing changed without saying by which check.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tutelage.curate.chosen import Chosen
from tutelage.data.fates import Fate
from tutelage.data.options import SourceOptions
from tutelage.data.reading import Pending, readings, unfolded_records
from tutelage.data.rows import BadRow
from tutelage.data.sources import Origin, origins
from tutelage.data.sources.records import COMPRESSED, SUFFIXES
from tutelage.data.sources.writers import check_writable, write_rows
from tutelage.errors import UserError
from tutelage.pipeline.audit.job import Audited
from tutelage.rundir import check_replaceable, replacing

LEDGER = ".ledger.parquet"

COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "source": pl.String,
    "row": pl.Int64,
    "new_source": pl.String,
    "new_row": pl.Int64,
    "fate": pl.String,
    "checks": pl.List(pl.String),
}
"""Columns of the ledger: where a row was, where it is now (null where it is left out), what became
of it, and the checks that decided so."""

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def clean(
    sources: Sequence[SourceOptions], audited: Audited, out: str | Path, base: str | Path = Path()
) -> dict[str, int]:
    """Write a cleaned copy of what was audited.

    Args:
        sources: as they were audited.
        audited: what was found.
        out: a file, where one file was audited; else a folder, which gets a file for each.
        base: folder that relative paths start from.

    Returns:
        How many rows were kept, changed and dropped.

    Raises:
        UserError: the copy would overwrite what it is of, or its form cannot be written.
    """
    files = list(readings(sources, Path(base), Counter()))
    targets = _targets(sources, Path(out), Path(base))
    cleaner = _Cleaner(audited)
    for (origin, options), target in zip(files, targets, strict=True):
        if cleaner.reads(origin):
            write_rows(target, cleaner.rows(origin, options, target))
    # Beside the copy, where nobody reads it as data.
    with replacing(Path(out).with_suffix(LEDGER)) as temporary:
        pl.DataFrame(cleaner.lines, schema=COLUMNS, orient="row").write_parquet(temporary)
    fates = (Fate.KEPT, Fate.CHANGED, Fate.DROPPED)
    return {fate.name.lower(): cleaner.counts[fate] for fate in fates}


def check_target(sources: Sequence[SourceOptions], out: str | Path, base: str | Path) -> None:
    """Tell before an audit whether its cleaned copy can be written.

    Raises:
        UserError: it cannot.
    """
    _targets(sources, Path(out), Path(base))


def _targets(sources: Sequence[SourceOptions], out: Path, base: Path) -> list[Path]:
    """Where the copy of each file goes; an earlier one, with its ledger beside it, is replaced."""
    targets = copies(labels(sources, base), out, base)
    for target in targets:
        check_replaceable(target, out.with_suffix(LEDGER).is_file(), "--clean")
    return targets


def labels(sources: Sequence[SourceOptions], base: Path) -> list[str]:
    """The files of the sources, by their names."""
    return [origin.label for options in sources for origin in origins(options, base)]


def records(
    origin: Origin, options: SourceOptions, now: Callable[[Pending], Mapping[str, Any] | None]
) -> Iterator[Mapping[str, Any]]:
    """The records of a file, each of its rows as it is to be.

    Args:
        origin: the file.
        options: how it is read.
        now: what becomes of a row; None leaves it out.
    """
    try:
        for values, pending in unfolded_records(origin, options):
            kept = [now(row) for row in pending]
            if isinstance(values, BadRow) or not any(row is not None for row in kept):
                continue
            record = pending[0].shape.fold(values, kept)
            if record is not None:
                yield record
    except UserError:
        return  # the file breaks off here, which the audit has said


def _is_file(out: Path) -> bool:
    """Whether the user named a file for the copy: by its suffix."""
    suffixes = [suffix.lower() for suffix in out.suffixes if suffix.lower() not in COMPRESSED]
    return bool(suffixes) and suffixes[-1] in SUFFIXES


def copies(files: Sequence[str], out: Path, base: Path, asked: str = "--clean") -> list[Path]:
    """Where the copy of each file goes.

    Args:
        files: by their names.
        out: a file, where it is one; else a folder.
        base: folder that the files' relative paths start from.
        asked: the option that asks for the copy, for messages.

    Raises:
        UserError: two would be one, a form cannot be written, or the data would be overwritten.
    """
    if _is_file(out) and len(files) > 1:
        raise UserError(
            f"{len(files)} files were audited, and their copy is to be one file",
            where=f"{asked} {out}",
            fix="name a folder",
        )
    targets = [out] if _is_file(out) else [out / _relative(file) for file in files]
    twice = next((target for target, count in Counter(targets).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"two files would be written to {twice}", where=f"{asked} {out}")
    inputs = {(base / file).resolve() for file in files}
    for target in targets:
        check_writable(target)
        if target.resolve() in inputs:
            raise UserError(
                "the copy would overwrite the data",
                where=f"{asked} {out}",
                fix="name another",
            )
    return targets


def _relative(label: str) -> Path:
    """A file's place in the folder: its path below the current one, or its name."""
    path = Path(label)
    return Path(path.name) if path.is_absolute() or ".." in path.parts else path


@dataclass(slots=True)
class _Cleaner:
    """Applies what was found, row by row, and notes what becomes of each."""

    audited: Audited
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    counts: Counter[Fate] = field(default_factory=Counter)
    _found: dict[tuple[str, int], list[tuple[str, str, str | None]]] = field(init=False)

    def __post_init__(self) -> None:
        wanted = self.audited.findings.filter(pl.col("severity") != "info").drop_nulls("row")
        self._found = {}
        for file, row, *rest in wanted.select(
            "source", "row", "check", "severity", "field"
        ).iter_rows():
            self._found.setdefault((file, row), []).append((rest[0], rest[1], rest[2]))

    def reads(self, origin: Origin) -> bool:
        """Whether any row of a file could be read; of one that is broken there is no copy."""
        return origin.label in self.audited.summary["files"]

    def rows(
        self, origin: Origin, options: SourceOptions, target: Path
    ) -> Iterator[Mapping[str, Any]]:
        """The records of a file as they are to be."""
        place = 0

        def now(pending: Pending) -> Mapping[str, Any] | None:
            nonlocal place
            row = self._row(pending, target, place)
            place += row is not None
            return row

        return records(origin, options, now)

    def _row(self, pending: Pending, target: Path, place: int) -> Mapping[str, Any] | None:
        found = self._found.get((pending.source.file, pending.source.row), [])
        now = _mended(pending.values, found, self.audited.chosen)
        fate = Fate.KEPT
        if now is None:
            fate = Fate.DROPPED
        elif now is not pending.values:
            fate = Fate.CHANGED
        self.counts[fate] += 1
        checks = [] if fate is Fate.KEPT else sorted({check for check, _, _ in found})
        there = (None, None) if now is None else (str(target), place)
        self.lines.append((*pending.source, *there, fate.name.lower(), checks))
        return now


def _mended(
    values: Mapping[str, Any] | BadRow,
    found: Sequence[tuple[str, str, str | None]],
    chosen: Chosen,
) -> Mapping[str, Any] | None:
    """A row with its findings mended; None where an error cannot be."""
    if isinstance(values, BadRow):
        return None
    now: dict[str, Any] | Mapping[str, Any] = values
    for name, severity, place in dict.fromkeys(found):
        check = chosen.checks.get(name)
        path = [] if place is None else _path(values, place)
        text = _at(values, path) if path else None
        if check is None or text is None or check.fix(text) is None:
            if severity == "error":
                return None
            continue
        # Another check may have mended it already: then there is nothing left to mend here.
        left = _at(now, path)
        mended = None if left is None else check.fix(left)
        if mended is not None and mended != left:
            now = copy.deepcopy(now) if now is values else now
            _put(now, path, mended)
    return now


def _path(values: Any, place: str) -> list[str | int]:
    """The steps to a field; a key may hold dots, so a key that is there is one step."""
    if isinstance(values, Mapping) and place in values:
        return [place]
    return [int(number) if number else name for number, name in _STEP.findall(place)]


def _at(values: Any, path: Sequence[str | int]) -> str | None:
    """The text of a field, None where there is none."""
    try:
        for step in path:
            values = values[step]
    except (KeyError, IndexError, TypeError):
        return None
    return values if isinstance(values, str) else None


def _put(values: Any, path: Sequence[str | int], text: str) -> None:
    for step in path[:-1]:
        values = values[step]
    values[path[-1]] = text
