"""One raw row as a format sees it, and the ways in which it can be wrong.

A format asks for its fields by name. What it does not ask for becomes the example's `meta`; what
had to be changed to read a field is noted for the ledger; what cannot be read raises `BadRow`
with the field, what was found and what was expected. Text is kept as it stands: nothing is
stripped or normalised here, because what a model is trained on must be what its owner wrote.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from tutelage.data.fates import Reason

MAX_ROW_BYTES = 16 * 2**20
"""A row larger than this (about 4 million tokens) is a defect, not an example."""

SHOWN_CHARACTERS = 60


class BadRow(Exception):  # noqa: N818 (it is what it says, and ends in the ledger, not on screen)
    """A row that cannot be read; the reader turns it into a mark in the ledger.

    Args:
        reason: the kind of defect.
        field: the field at fault, as a path such as `messages[2].content`.
        found: what stands there.
        expected: what should.
        fix: what to do about it, where there is something better than repairing the row.
    """

    def __init__(
        self, reason: Reason, field: str, found: str, expected: str, fix: str | None = None
    ) -> None:
        self.reason = reason
        self.field = field
        self.detail = f"{field}: found {found}, expected {expected}" + (f" ({fix})" if fix else "")
        super().__init__(self.detail)


def wrong(field: str, value: Any, expected: str, fix: str | None = None) -> BadRow:
    """The defect of a field that holds something else than `expected`."""
    return BadRow(Reason.WRONG_VALUE, field, shown(value), expected, fix)


def shown(value: Any) -> str:
    """A value named by its kind, short enough for a message."""
    match value:
        case None:
            return "null"
        case bool() | int() | float():
            return str(value)
        case str():
            return repr(_cut(value))
        case list() | tuple():
            return f"a list of {len(value)}"
        case Mapping():
            return f"an object ({listed(list(value)[:4])})" if value else "an empty object"
        case _:
            return f"a {type(value).__name__}"


def listed(keys: Iterable[str]) -> str:
    """Keys of a row for a message; a file may hold any, control characters among them."""
    cut = (_cut(key) for key in keys)
    return ", ".join(key if key.isprintable() else repr(key) for key in cut)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def absent(value: object) -> bool:
    """Whether a value stands for nothing: null, or the NaN that tables write for it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


class Row:
    """Typed access to the fields of one row.

    Attributes:
        values: the row as read; formats go through the methods instead.
        changes: what had to be changed to read it: reason and detail.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.changes: list[tuple[Reason, str]] = []
        self._used: set[str] = set()

    def get(self, field: str) -> Any:
        """The value of a field; None if it is missing, null or NaN."""
        self._used.add(field)
        value = self.values.get(field)
        return None if absent(value) else value

    def text(self, field: str) -> str:
        """The text of a field that must hold some.

        Raises:
            BadRow: missing, empty, or not text.
        """
        return self.as_text(self.get(field), field)

    def optional_text(self, field: str) -> str | None:
        """The text of a field that may be missing or blank; None if it is.

        Raises:
            BadRow: there is something else than text.
        """
        value = self.get(field)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        return self.as_text(value, field)

    def as_text(self, value: object, field: str) -> str:
        """A value as text that is not blank; `field` names it in messages.

        Null characters are removed and numbers written out; both are noted as changes.

        Raises:
            BadRow: missing, empty, or not text.
        """
        if absent(value):
            kind = "null" if field in self.values else "no such field"
            raise BadRow(Reason.MISSING_FIELD, field, kind, "text")
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.note(Reason.NUMBER_AS_TEXT, f"{field}: {value}")
            value = str(value)
        if not isinstance(value, str):
            raise wrong(field, value, "text")
        if "\0" in value:
            self.note(Reason.NULL_REMOVED, f"{field}: {value.count(chr(0))} null characters")
            value = value.replace("\0", "")
        if not value.strip():
            raise BadRow(Reason.EMPTY_FIELD, field, shown(value), "text")
        return value

    def note(self, reason: Reason, detail: str) -> None:
        """Record that something was changed to read the row."""
        self.changes.append((reason, detail))

    def rest(self) -> dict[str, Any]:
        """The fields nobody asked for, without those that stand for nothing."""
        return {
            key: value
            for key, value in self.values.items()
            if key not in self._used and not absent(value)
        }
