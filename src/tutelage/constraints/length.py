"""How long a response is: words, sentences and paragraphs."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, model_validator

from tutelage.constraints.constraint import CONSTRAINTS, Constraint, Relation, compare
from tutelage.constraints.keywords import Count
from tutelage.constraints.sentences import count_sentences

_WORD = re.compile(r"\w+")
_DIVIDER = re.compile(r"\s?\*\*\*\s?")
_STOPS = re.compile(r"""[.,?!'"]""")


@CONSTRAINTS.register("length_constraints:number_words")
class NumberOfWords(Constraint):
    """Words, each a run of letters, digits or underscores ("don't" is two)."""

    num_words: Count
    """The number compared with."""
    relation: Relation
    """How."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return compare(len(_WORD.findall(response)), self.relation, self.num_words)


@CONSTRAINTS.register("length_constraints:number_sentences")
class NumberOfSentences(Constraint):
    """Sentences, as `sentences.py` divides them."""

    num_sentences: Count
    """The number compared with."""
    relation: Relation
    """How."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return compare(count_sentences(response), self.relation, self.num_sentences)


@CONSTRAINTS.register("length_constraints:number_paragraphs")
class NumberOfParagraphs(Constraint):
    """Exactly so many paragraphs, divided by `***`; an empty one between dividers fails."""

    num_paragraphs: Count
    """How many."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        filled = [bool(part.strip()) for part in _DIVIDER.split(response)]
        return all(filled[1:-1]) and sum(filled) == self.num_paragraphs


@CONSTRAINTS.register("length_constraints:nth_paragraph_first_word")
class ParagraphFirstWord(Constraint):
    r"""Exactly so many paragraphs, divided by blank lines, of which one starts with a word.

    Paragraphs are the parts between two newlines. Empty ones are not counted, yet they shift the
    numbering: so the published rule has it.
    """

    num_paragraphs: Annotated[int, Field(ge=1)]
    """How many there are."""
    nth_paragraph: Annotated[int, Field(ge=1)]
    """Which one is looked at, from 1."""
    first_word: Annotated[str, Field(min_length=1)]
    """Its first word, case and the punctuation after it ignored."""

    @model_validator(mode="after")
    def _within(self) -> ParagraphFirstWord:
        if self.nth_paragraph > self.num_paragraphs:
            raise ValueError(
                f"nth_paragraph is {self.nth_paragraph} of {self.num_paragraphs} paragraphs"
            )
        return self

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        parts = response.split("\n\n")
        if sum(bool(part.strip()) for part in parts) != self.num_paragraphs:
            return False
        words = parts[self.nth_paragraph - 1].split()
        if not words:
            return False
        first = words[0].lstrip("'").lstrip('"')
        return _STOPS.split(first, maxsplit=1)[0].lower() == self.first_word.lower()
