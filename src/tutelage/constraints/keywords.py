"""Words and characters that a response must or must not hold, case ignored.

A keyword that must be there may be part of a longer word, a forbidden one counts only as a whole
word: so the published rules have it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

from pydantic import Field

from tutelage.constraints.constraint import CONSTRAINTS, Constraint, Relation, compare

Words = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]


@lru_cache(maxsize=4096)
def _pattern(word: str, whole: bool) -> re.Pattern[str]:
    """The word as literal text, case ignored the way regular expressions ignore it."""
    edge = r"\b" if whole else ""
    return re.compile(edge + re.escape(word) + edge, re.IGNORECASE)


@CONSTRAINTS.register("keywords:existence")
class KeywordsExist(Constraint):
    """Every keyword occurs, on its own or in a longer word."""

    keywords: Words
    """What must occur."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return all(_pattern(word, whole=False).search(response) for word in self.keywords)


@CONSTRAINTS.register("keywords:frequency")
class KeywordFrequency(Constraint):
    """A keyword occurs less often than a number, or at least that often."""

    keyword: Annotated[str, Field(pattern=r"\S")]
    """What is counted, without the space around it."""
    frequency: Count
    """The number compared with."""
    relation: Relation
    """How."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        count = len(_pattern(self.keyword.strip(), whole=False).findall(response))
        return compare(count, self.relation, self.frequency)


@CONSTRAINTS.register("keywords:forbidden_words")
class ForbiddenWords(Constraint):
    """None of the words occurs as a whole word."""

    forbidden_words: Words
    """What must not occur."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return not any(_pattern(word, whole=True).search(response) for word in self.forbidden_words)


@CONSTRAINTS.register("keywords:letter_frequency")
class LetterFrequency(Constraint):
    """A character, case ignored, occurs less often than a number, or at least that often."""

    letter: Annotated[str, Field(min_length=1, max_length=1)]
    """What is counted: a letter, or any other character."""
    let_frequency: Count
    """The number compared with."""
    let_relation: Relation
    """How."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        count = response.lower().count(self.letter.lower())
        return compare(count, self.let_relation, self.let_frequency)
