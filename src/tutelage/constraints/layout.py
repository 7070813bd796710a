"""The form of a response: bullets, sections, highlights, a title, JSON, one of three answers.

The rules are those of the published regular expressions, but each takes time in proportion to the
text, whatever it holds: a megabyte of `<` or of blank lines in a data set must not hang an audit.
"""

from __future__ import annotations

import json
import re
from typing import Annotated

from pydantic import Field

from tutelage.constraints.constraint import CONSTRAINTS, Constraint
from tutelage.constraints.keywords import Count

_STARRED = re.compile(r"\*[^\n*]*\*")
_TWICE_STARRED = re.compile(r"\*\*[^\n*]*\*\*")
_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_FENCES = ("```json", "```Json", "```JSON", "```")


@CONSTRAINTS.register("detectable_format:number_bullet_lists")
class NumberOfBullets(Constraint):
    """Exactly so many lines that start with `*` or `-`."""

    num_bullets: Count
    """How many."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        lines = [line.lstrip() for line in response.split("\n")]
        dashes = sum(line.startswith("-") for line in lines)
        return dashes + _stars(lines) == self.num_bullets


def _stars(lines: list[str]) -> int:
    """Bullets with one asterisk; a bare one takes the next line for its text, as published."""
    count, index = 0, 0
    while index < len(lines):
        line = lines[index]
        bare = line == "*" and index + 1 < len(lines)
        count += bare or (line[:1] == "*" and line[1:2] not in {"", "*"})
        index += 2 if bare else 1
    return count


@CONSTRAINTS.register("detectable_format:constrained_response")
class ConstrainedResponse(Constraint):
    """One of "My answer is yes.", "My answer is no." and "My answer is maybe." is in it."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return any(answer in response for answer in _ANSWERS)


@CONSTRAINTS.register("detectable_format:number_highlighted_sections")
class NumberOfHighlights(Constraint):
    """At least so many stretches in asterisks, `*such*`; `**such**` is found as well."""

    num_highlights: Count
    """How many."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        found = [*_STARRED.findall(response), *_TWICE_STARRED.findall(response)]
        return sum(bool(text.strip("*").strip()) for text in found) >= self.num_highlights


@CONSTRAINTS.register("detectable_format:multiple_sections")
class MultipleSections(Constraint):
    """At least so many sections, each headed by the word and a number, such as `SECTION 2`."""

    section_spliter: Annotated[str, Field(pattern=r"\S")]
    """The word at the head of a section (the name is spelt as published)."""
    num_sections: Count
    """How many."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        head = re.escape(self.section_spliter.strip()) + r"\s?\d+\s?"
        return len(re.findall(head, response)) >= self.num_sections


@CONSTRAINTS.register("detectable_format:json_format")
class JsonFormat(Constraint):
    """All of it is JSON, in a code fence or not."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        text = response.strip()
        for fence in _FENCES:
            text = text.removeprefix(fence)
        try:
            json.loads(text.removesuffix("```").strip())
        except (ValueError, RecursionError):
            return False
        return True


@CONSTRAINTS.register("detectable_format:title")
class Title(Constraint):
    """A title in double angular brackets, such as <<poem of joy>>."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return any(map(_titled, response.split("\n")))


def _titled(line: str) -> bool:
    """Whether there is text from the first `<<` of a line to its last `>>`."""
    start, end = line.find("<<"), line.rfind(">>")
    inner = line[start : end + 2].lstrip("<").rstrip(">")
    return 0 <= start < end - 2 and bool(inner.strip())
