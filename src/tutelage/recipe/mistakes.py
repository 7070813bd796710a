"""Mistakes in a recipe: found all together, each with its place, and reported in one error.

A person who has made five mistakes wants one message, not five runs. Whoever reads a recipe
therefore collects `Mistake`s, and `RecipeError` lays them out in the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tutelage.errors import UserError

SHOWN = 50
"""Mistakes written out in one error's text."""


@dataclass(frozen=True)
class Place:
    """Where something was written: a position in a file, or an argument of `--set`.

    Lines and columns count from 1, as editors do.
    """

    source: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Such as `recipe.yaml line 4, column 3`, or `--set train.epochs=x`."""
        if self.line is None:
            return self.source
        column = "" if self.column is None else f", column {self.column}"
        return f"{self.source} line {self.line}{column}"


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong with a recipe.

    Args:
        place: where it was written.
        what: what was found and what was expected, in one sentence.
        key: the setting, such as `train.learning_rate`; empty for the file as a whole.
        fix: what to do about it.
    """

    place: Place
    what: str
    key: str = ""
    fix: str | None = None

    @property
    def where(self) -> str:
        """The place and the key."""
        return f"{self.place}, {self.key}" if self.key else str(self.place)


class RecipeError(UserError):
    """Every mistake of a recipe in one error; `mistakes` has them one by one."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=_reading_order))
        first = self.mistakes[0]
        if len(self.mistakes) == 1:
            super().__init__(first.what, where=first.where, fix=first.fix)
        else:
            lines = [f"{len(self.mistakes)} mistakes in the recipe"]
            if len(self.mistakes) > SHOWN:
                lines = [f"more than {SHOWN} mistakes in the recipe, of which the first {SHOWN}:"]
            for mistake in self.mistakes[:SHOWN]:
                lines.append(f"  {mistake.where}: {mistake.what}")
                if mistake.fix:
                    lines.append(f"    fix: {mistake.fix}")
            super().__init__("\n".join(lines))


def _reading_order(mistake: Mistake) -> tuple[bool, int, int]:
    """Order of the file, then the arguments of `--set`."""
    place = mistake.place
    return (place.line is None, place.line or 0, place.column or 0)
