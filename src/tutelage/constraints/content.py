"""Parts that a response must hold: placeholders and a postscript."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from tutelage.constraints.constraint import CONSTRAINTS, Constraint
from tutelage.constraints.keywords import Count

_MARKERS = {"P.S.": re.compile(r"p\.\s?s\."), "P.P.S": re.compile(r"p\.\s?p\.\s?s")}
"""The two published markers, which may have a space between their letters."""


@CONSTRAINTS.register("detectable_content:number_placeholders")
class NumberOfPlaceholders(Constraint):
    """At least so many placeholders in square brackets, such as [address], each on one line."""

    num_placeholders: Count
    """How many."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return sum(map(_brackets, response.split("\n"))) >= self.num_placeholders


@CONSTRAINTS.register("detectable_content:postscript")
class Postscript(Constraint):
    """A postscript, found by the marker it starts with, case ignored."""

    postscript_marker: Annotated[str, Field(pattern=r"\S")]
    """`P.S.`, `P.P.S` or another text."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        text, marker = response.lower(), self.postscript_marker.strip()
        if marker in _MARKERS:
            return _MARKERS[marker].search(text) is not None
        return marker.lower() in text


def _brackets(line: str) -> int:
    """Pairs of brackets from left to right, in one pass whatever the line holds."""
    count, end = 0, -1
    while (start := line.find("[", end + 1)) >= 0 and (end := line.find("]", start)) >= 0:
        count += 1
    return count
