"""Words and letters: the first and the last word, forbidden letters, initials, no word twice."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tutelage.constraints.constraint import CONSTRAINTS, Constraint
from tutelage.constraints.parts import words

Word = Annotated[str, Field(pattern=r"^\S+$")]


@CONSTRAINTS.register("words:first")
class FirstWord(Constraint):
    """The first word, case and the marks around it ignored."""

    word: Word
    """The word."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return _folded(response)[:1] == _folded(self.word)


@CONSTRAINTS.register("words:last")
class LastWord(Constraint):
    """The last word, case and the marks around it ignored."""

    word: Word
    """The word."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return _folded(response)[-1:] == _folded(self.word)


@CONSTRAINTS.register("words:initial")
class Initial(Constraint):
    """Every word begins with one letter, case ignored."""

    letter: Annotated[str, Field(pattern=r"^\w$")]
    """The letter."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        found = _folded(response)
        return bool(found) and all(word.startswith(self.letter.casefold()) for word in found)


@CONSTRAINTS.register("words:no_repetition")
class NoRepetition(Constraint):
    """No word occurs twice, case ignored."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        found = _folded(response)
        return len(set(found)) == len(found)


@CONSTRAINTS.register("letters:forbidden")
class ForbiddenLetters(Constraint):
    """None of the letters occurs, case ignored; other characters can be forbidden as well."""

    letters: Annotated[str, Field(pattern=r"^\S+$")]
    """The letters, as one text such as `ez`."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return set(self.letters.casefold()).isdisjoint(response.casefold())


@CONSTRAINTS.register("letters:required")
class RequiredLetters(Constraint):
    """Each of the letters occurs, case ignored."""

    letters: Annotated[str, Field(pattern=r"^\S+$")]
    """The letters, as one text; all of the alphabet makes a pangram."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return set(self.letters.casefold()) <= set(response.casefold())


def _folded(text: str) -> list[str]:
    return [word.casefold() for word in words(text)]
