"""How the lines of a response begin and end: with a given text, alike, each otherwise, an acrostic.

Lines are those that are not blank. Words are compared without case and the marks around them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tutelage.constraints.constraint import CONSTRAINTS, Constraint
from tutelage.constraints.parts import lines, words


@CONSTRAINTS.register("lines:begin_with")
class BeginWith(Constraint):
    """Every line begins with a text, case and all."""

    text: Annotated[str, Field(pattern=r"\S")]
    """The text, such as `> ` or `Because`."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return all(line.startswith(self.text.strip()) for line in lines(response))


@CONSTRAINTS.register("lines:end_with")
class EndWith(Constraint):
    """Every line ends with a text, case and all."""

    text: Annotated[str, Field(pattern=r"\S")]
    """The text, such as `;`."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return all(line.endswith(self.text.strip()) for line in lines(response))


@CONSTRAINTS.register("lines:begin_alike")
class BeginAlike(Constraint):
    """Two lines or more, all with the same first word."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return _alike(_words_at(response, 0))


@CONSTRAINTS.register("lines:end_alike")
class EndAlike(Constraint):
    """Two lines or more, all with the same last word."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return _alike(_words_at(response, -1))


@CONSTRAINTS.register("lines:begin_differently")
class BeginDifferently(Constraint):
    """Two lines or more, no two of them with the same first word."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        first = _words_at(response, 0)
        return len(first) > 1 and None not in first and len(set(first)) == len(first)


@CONSTRAINTS.register("lines:acrostic")
class Acrostic(Constraint):
    """The first letters of the lines spell a word, one line a letter."""

    word: Annotated[str, Field(pattern=r"^\w+$")]
    """The word, case ignored."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        first = [word and word[0] for word in _words_at(response, 0)]
        return first == list(self.word.casefold())


def _words_at(response: str, place: int) -> list[str | None]:
    """The word at a place of each line; None for a line of marks alone."""
    found = (words(line) for line in lines(response))
    return [each[place].casefold() if each else None for each in found]


def _alike(found: list[str | None]) -> bool:
    return len(found) > 1 and None not in found and len(set(found)) == 1
