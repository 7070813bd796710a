"""The rows of an audit, read once more: a part holds earlier turns as one text, and whoever shows
rows to a model wants them as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from tutelage.data.example import Example
from tutelage.data.options import SourceOptions
from tutelage.data.reading import Reading, stream
from tutelage.errors import UserError


def examples_again(
    sources: Iterable[SourceOptions], base: Path, places: pl.DataFrame
) -> Iterator[Example]:
    """The examples of the rows that were audited, in order.

    Args:
        sources: what was audited.
        base: what relative paths start from.
        places: `source` and `row` of every row, in order.

    Raises:
        UserError: they are others now.
    """
    readable = (one.example for one in stream(sources, base) if isinstance(one, Reading))
    expected = places.select("source", "row").iter_rows()
    for example in readable:
        if (example.source.file, example.source.row) != next(expected, None):
            raise _changed(example.source.file)
        yield example
    if missing := next(expected, None):
        raise _changed(missing[0])


def _changed(file: str) -> UserError:
    return UserError("the data changed while it was audited", where=file, fix="audit it again")
