"""Which format a file is in, decided from its first rows.

Each row votes for the format that explains most of its keys; a row that two formats explain
equally well votes for both. A file of one row that nobody explains may only be a wrapper
(`{"data": […]}`), and is opened. What stays unknown or ambiguous is an error: guessing would
train on the wrong text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.data.format import FORMATS, Format
from tutelage.data.options import SourceOptions
from tutelage.data.rows import listed
from tutelage.errors import UserError, unknown_name

SHOWN_KEYS = 20

COLUMNS = "columns"
"""The format of tables with a mapping: never detected, always asked for."""


def choose(sample: Sequence[Mapping[str, Any]], options: SourceOptions, label: str) -> Format:
    """The format of a file.

    Args:
        sample: its first rows.
        options: the source, which may name the format or map the columns.
        label: the file, for messages.

    Raises:
        UserError: no format, or more than one, explains the rows; or a mapped column is missing.
    """
    if options.columns:
        _check_columns(sample, options, label)
        return FORMATS.get(COLUMNS)
    if options.format != "auto":
        return _named(sample, options.format, label)
    return _detected(sample, label)


def claims(values: Mapping[str, Any], options: SourceOptions) -> bool:
    """Whether the record is a row as it stands: of the named format, or of any."""
    if options.columns:
        return not values.keys().isdisjoint(mapped_columns(options))
    names = FORMATS.names() if options.format == "auto" else [options.format]
    return any(FORMATS.get(name).score(values) for name in names)


def _named(sample: Sequence[Mapping[str, Any]], name: str, label: str) -> Format:
    """The format the source names, which must explain at least one of the rows."""
    shape = FORMATS.get(name, where=label)
    if not any(shape.score(values) for values in sample):
        raise UserError(
            f"its rows are not of the format '{name}'; they have the keys: {_keys(sample)}",
            where=label,
            fix=f"it needs:\n{_needs([shape])}",
        )
    return shape


def mapped_columns(options: SourceOptions) -> list[str]:
    """The columns that a source's mapping names."""
    columns = ([name] if isinstance(name, str) else name for name in options.columns.values())
    return [name for names in columns for name in names]


def _detected(sample: Sequence[Mapping[str, Any]], label: str) -> Format:
    formats = [FORMATS.get(name) for name in FORMATS.names()]
    votes: Counter[str] = Counter()
    for values in sample:
        scores = {shape.name: shape.score(values) for shape in formats}
        best = max(scores.values())
        votes.update(name for name, score in scores.items() if score == best > 0)
    winners = [name for name, count in votes.items() if count == max(votes.values())]
    if not winners:
        raise UserError(
            f"no format explains its rows, which have the keys: {_keys(sample)}",
            where=label,
            fix="map the columns (`columns: {instruction: …, response: …}`), or bring the rows "
            f"into one of these formats:\n{_needs(formats)}",
        )
    if len(winners) > 1:
        raise UserError(
            f"its rows could be {' or '.join(winners)}; they have the keys: {_keys(sample)}",
            where=label,
            fix=f"say which (`format: {winners[0]}`):\n"
            + _needs([FORMATS.get(name) for name in winners]),
        )
    return FORMATS.get(winners[0])


def _keys(sample: Sequence[Mapping[str, Any]]) -> str:
    """The keys of the rows, for messages."""
    keys = list(dict.fromkeys(key for values in sample for key in values))
    return listed(keys[:SHOWN_KEYS]) + (", …" if len(keys) > SHOWN_KEYS else "")


def _needs(formats: Sequence[Format]) -> str:
    """One line a format: the keys it needs."""
    return "\n".join(
        f"    {shape.name}: " + "; or ".join(" + ".join(sorted(keys)) for keys in shape.needs)
        for shape in formats
        if shape.needs
    )


def _check_columns(sample: Sequence[Mapping[str, Any]], options: SourceOptions, label: str) -> None:
    """A mapping must name columns that are there."""
    present = dict.fromkeys(key for values in sample for key in values)
    for column in mapped_columns(options):
        if column not in present:
            raise unknown_name("column", column, present, where=f"{label}, columns")
