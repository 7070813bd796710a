"""A text cut off where something begins that does not belong to it."""

from __future__ import annotations

import re

_EMPTY_LINES = re.compile(r"(?:^|\n)(?:[^\S\n]*(?:#+|<!--\s*-->)?[^\S\n]*(?:\n|$))+$")
"""What a numbered template leaves before its next item: bare heading marks, empty comments."""


def before(text: str, start: int) -> str | None:
    """The text before a character, without the empty lines and marks at its end; None if empty."""
    return _EMPTY_LINES.sub("", text[:start]).rstrip() or None
