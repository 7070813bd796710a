"""Texts of many lengths in rows of one: how an encoder reads them without padding each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def filled_rows(lengths: Sequence[int], row: int) -> Iterator[list[int]]:
    """Which neighbouring texts share a row.

    Args:
        lengths: tokens of each text.
        row: tokens of a row; a longer text has one to itself.

    Yields:
        The numbers of a row's texts, in order.
    """
    numbers: list[int] = []
    filled = 0
    for number, length in enumerate(lengths):
        if numbers and filled + length > row:
            yield numbers
            numbers, filled = [], 0
        numbers.append(number)
        filled += length
    if numbers:
        yield numbers
