"""Constraints as people state them, where the published kinds are too exact for a text by a person.

"In three bullet points" does not say which marker, and "in under 50 words" not whether "don't" is
one word or two. These kinds hold if any fair way of counting meets the number, so that what they
find broken is broken by every reading.
"""

from __future__ import annotations

import json
import re
from typing import Annotated

from pydantic import Field

from tutelage.constraints.constraint import CONSTRAINTS, Constraint, Relation, compare
from tutelage.constraints.keywords import Count
from tutelage.constraints.sentences import count_sentences

_LETTERS = re.compile(r"\w+")
_BULLET = re.compile(r"(\s*)(?:[-*+•‣◦–▪·]|\(?(?:\d{1,3}|[a-zA-Z])[.):])\s*\S")
_BREAK = re.compile(r"\n\s*\n|\n?\s*\*{3}\s*\n?")


@CONSTRAINTS.register("plain:number_words")
class PlainWords(Constraint):
    """Words, between white space or as runs of letters and digits."""

    num_words: Count
    """The number compared with."""
    relation: Relation
    """How."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        counts = {len(response.split()), len(_LETTERS.findall(response))}
        return any(compare(count, self.relation, self.num_words) for count in counts)


@CONSTRAINTS.register("plain:about_words")
class AboutWords(Constraint):
    """About so many words: from half of them to twice as many."""

    num_words: Count
    """The number asked for."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return self.num_words <= 2 * len(_LETTERS.findall(response)) <= 4 * self.num_words


@CONSTRAINTS.register("plain:number_sentences")
class PlainSentences(Constraint):
    """Sentences, or lines where a response has one sentence a line."""

    num_sentences: Count
    """The number compared with."""
    relation: Relation
    """How."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        unnumbered = re.sub(r"(?m)^\s*\(?\d+[.)]\s", "", response)
        lines = sum(bool(line.strip()) for line in response.split("\n"))
        counts = {count_sentences(unnumbered), lines} if lines > 1 else {count_sentences(response)}
        return any(compare(count, self.relation, self.num_sentences) for count in counts)


@CONSTRAINTS.register("plain:number_paragraphs")
class PlainParagraphs(Constraint):
    """Paragraphs, divided by blank lines, by `***` or by single line breaks."""

    num_paragraphs: Count
    """The number compared with."""
    relation: Relation
    """How."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        blocks = [block for block in _BREAK.split(response) if block.strip()]
        lines = [line for line in response.split("\n") if line.strip()]
        long = [line for line in lines if len(line) > 60]  # neither headings nor greetings
        counts = {len(blocks), len(lines), len(long) or 1}
        return any(compare(count, self.relation, self.num_paragraphs) for count in counts)


@CONSTRAINTS.register("plain:number_bullets")
class PlainBullets(Constraint):
    """Points of a list with any marker or number, those of the top level or all; else lines."""

    num_bullets: Count
    """The number compared with."""
    relation: Relation
    """How."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        lines = [line for line in response.split("\n") if line.strip()]
        indents = [len(found[1]) for line in lines if (found := _BULLET.match(line))]
        counts = {len(indents), indents.count(min(indents))} if indents else {len(lines)}
        return any(compare(count, self.relation, self.num_bullets) for count in counts)


@CONSTRAINTS.register("plain:capitals")
class Capitals(Constraint):
    """No small letter, in any language."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return response.upper() == response


@CONSTRAINTS.register("plain:lower_case")
class LowerCase(Constraint):
    """No capital letter, in any language."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return response.lower() == response


@CONSTRAINTS.register("plain:json")
class HoldsJson(Constraint):
    """A JSON object or list is in it, whatever is said around it."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        spans = ((response.find(a), response.rfind(b) + 1) for a, b in ("{}", "[]"))
        return any(_is_json(response[start:end]) for start, end in spans if 0 <= start < end)


@CONSTRAINTS.register("plain:ends_with")
class PlainEnd(Constraint):
    """Its last words are a phrase, whatever case and marks."""

    end_phrase: Annotated[str, Field(pattern=r"\w")]
    """The phrase."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        words, wanted = (_LETTERS.findall(text.lower()) for text in (response, self.end_phrase))
        return words[-len(wanted) :] == wanted


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
