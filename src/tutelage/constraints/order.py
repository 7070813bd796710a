"""Lists in an order: alphabetical, by number, by date, by length; and terms in a given order.

What is ordered are the items of the list in the response or, where it has none, its lines. Two that
are equal are in order; fewer than two are no list.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field

from tutelage.constraints.constraint import CONSTRAINTS, Constraint
from tutelage.constraints.parts import entries, numbers, words

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]{{0,6}}\.?"
_YEAR = r"(?P<year>[12]\d{3})"
_DATES = [
    re.compile(rf"(?<!\d){_YEAR}-(?P<number>0?[1-9]|1[0-2])(?:-(?P<day>\d\d?))?(?!\d)"),
    re.compile(rf"\b(?P<day>\d\d?)(?:st|nd|rd|th)?(?: of)? {_MONTH},? {_YEAR}\b", re.IGNORECASE),
    re.compile(rf"\b{_MONTH} (?:(?P<day>\d\d?)(?:st|nd|rd|th)?,? )?{_YEAR}\b", re.IGNORECASE),
    re.compile(rf"(?<!\d){_YEAR}(?!\d)"),
]
"""The most exact first: `1990-03-05`, `1990-03`; `5 March 1990`; `March 5, 1990`; a year."""


class Ordered(Constraint):
    """Entries in rising order, or in falling order."""

    descending: bool = False
    """Whether the largest or latest comes first."""

    def in_order(
        self, keys: Sequence[Any], rises: Callable[[Any, Any], bool] = lambda a, b: a <= b
    ) -> bool:
        """Whether there are two keys or more, all of them there (not None) and in order."""
        if len(keys) < 2 or None in keys:
            return False
        pairs = pairwise(reversed(keys) if self.descending else keys)
        return all(rises(first, second) for first, second in pairs)


@CONSTRAINTS.register("order:alphabetical")
class Alphabetical(Ordered):
    """Alphabetical order of the items; case, accents and marks ignored."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return self.in_order([_letters(entry) or None for entry in entries(response)])


@CONSTRAINTS.register("order:numerical")
class Numerical(Ordered):
    """Order by the first number in each item; an item without one fails."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return self.in_order([next(iter(numbers(entry)), None) for entry in entries(response)])


@CONSTRAINTS.register("order:chronological")
class Chronological(Ordered):
    """Order by the first date in each item, at least a year; an item without one fails.

    Dates are written `1990-03-05`, `5 March 1990`, `March 5, 1990`, `March 1990` or `1990`; two are
    compared as exactly as both are given.
    """

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        dates = [_date(entry) for entry in entries(response)]
        return self.in_order(dates, _not_after)


@CONSTRAINTS.register("order:length")
class Length(Ordered):
    """Each item has more words than the one before, or as many."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return self.in_order([len(words(entry)) for entry in entries(response)])


@CONSTRAINTS.register("order:terms")
class Terms(Constraint):
    """All terms occur; each is first named after the one before it is. Case is ignored."""

    terms: Annotated[tuple[Annotated[str, Field(pattern=r"\S")], ...], Field(min_length=2)]
    """The terms, in the order wanted."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        places = [response.casefold().find(term.casefold()) for term in self.terms]
        return places[0] >= 0 and all(first < second for first, second in pairwise(places))


def _letters(text: str) -> str:
    """What a text is sorted by."""
    parts = unicodedata.normalize("NFKD", " ".join(words(text)).casefold())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _date(text: str) -> tuple[int, ...] | None:
    """The date of a text as year, month and day, as far as it says them."""
    found = [match for match in (pattern.search(text) for pattern in _DATES) if match]
    if not found:
        return None
    said = min(found, key=re.Match.start).groupdict()  # of several at one place, the most exact
    month = said.get("number") or said.get("month")
    if month is None:
        return (int(said["year"]),)
    place = int(month) if month.isdigit() else 1 + _MONTHS.index(month.lower())
    return (int(said["year"]), place, *([int(said["day"])] if said.get("day") else []))


def _not_after(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Whether a date is not after another, as far as both say."""
    length = min(len(first), len(second))
    return first[:length] <= second[:length]
