"""Whether two queries found the same.

`text_to_sql` sends this file's text into the sandbox, where the checker of a trial compares what
was found: the harness itself never touches what a hostile query returned.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

Rows = list[tuple[Any, ...]]


def plain(rows: Sequence[Sequence[Any]]) -> Rows:
    """Rows as they are compared: sums of floats depend in their last bits on the rows' order."""
    return [tuple(float(f"{v:.12g}") if isinstance(v, float) else v for v in row) for row in rows]


def same(wanted: Rows, found: Rows, *, ordered: bool) -> bool:
    """Whether the rows found are those wanted, in some order of the columns.

    Args:
        wanted: what the right query finds.
        found: what the answer finds.
        ordered: whether the order of the rows counts.
    """
    if len(wanted) != len(found):
        return False
    if not wanted:
        return True
    if len(wanted[0]) != len(found[0]):
        return False
    for order in _placings(_bags(wanted), _bags(found)):
        placed = [tuple(row[place] for place in order) for row in found]
        if placed == wanted if ordered else Counter(placed) == Counter(wanted):
            return True
    return False


def _bags(rows: Rows) -> list[Any]:
    """Each column as a bag of its values."""
    return [frozenset(Counter(column).items()) for column in zip(*rows, strict=True)]


def _placings(wanted: Sequence[Any], found: Sequence[Any]) -> Iterator[tuple[int, ...]]:
    """Orders of the found columns in which each holds, as a bag, what is wanted at its place."""
    if not wanted:
        yield ()
        return
    for place, column in enumerate(found):
        if column == wanted[0]:
            for rest in _placings(wanted[1:], [*found[:place], None, *found[place + 1 :]]):
                yield (place, *rest)
