"""What the patterns over instructions share: a text to search, and what a pattern gives.

Text in quotation marks is material, not instruction, so long quotations are blanked before the
search, character for character, and read back from the original where they are what is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tutelage.constraints.constraint import Relation
from tutelage.constraints.numbers import NUMBER

BLANK = "\x00"
_QUOTED = re.compile(r"\"[^\"\n]{1,2000}\"|“[^”]{1,2000}”")
_LONG = 5
"""Words from which a quotation is material rather than a keyword."""

LESS = (
    r"(?:no|not) (?:more|longer|greater) than|(?:not|never) (?:to )?exceed(?:ing)?|at most|up to|"
    r"(?:a |the )?max(?:imum)?\.?(?: of)?|less than|fewer than|under|below|shorter than|within|"
    r"limit(?:ed)?(?: \w+){0,3} to"
)
MORE = (
    r"(?:no|not) (?:less|fewer|shorter) than|at least|at the least|(?:a |the )?minimum(?: of)?|"
    r"more than|longer than|exceeding|over"
)
_INCLUSIVE = re.compile(r"(?:no|not|never)\b|at|up|a\b|the\b|max|min|within|limit")
AFTER = (
    r"or less|or fewer|or under|or shorter|at most|(?:at )?max(?:imum)?|or more|or longer|at least|"
    r"(?:at )?minimum"
)


class Said(NamedTuple):
    """A constraint that an instruction states.

    Attributes:
        name: its id.
        kwargs: its options.
        start: first character of the words that state it.
        end: behind their last character.
        exact: it is one side of an exact number.
    """

    name: str
    kwargs: dict[str, Any]
    start: int
    end: int
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """An instruction to be searched.

    Attributes:
        text: as it is.
        bare: the same length, with long quotations blanked.
        lower: `bare` in lower case, for cheap tests before a pattern is tried.
    """

    text: str
    bare: str
    lower: str

    def before(self, start: int) -> str:
        """The few words before a place."""
        return self.bare[max(0, start - 60) : start]

    def clause(self, start: int, end: int) -> str:
        """The sentence around a span, up to the end of the span."""
        cut = max(self.bare.rfind(mark, 0, start) for mark in (". ", "\n", "? ", "! ", ": "))
        return self.bare[cut + 1 : end]

    def says(self, *words: str) -> bool:
        """Whether one of these lower-case texts is in it."""
        return any(map(self.lower.__contains__, words))

    def find(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """Matches outside long quotations."""
        return pattern.finditer(self.bare)


Finder = Callable[[Wording], Iterator[Said]]
Finders = tuple[tuple[Finder, tuple[str, ...]], ...]


def wording(text: str) -> Wording:
    """An instruction made ready for the search."""
    bare = _QUOTED.sub(_blanked, text)
    return Wording(text, bare, bare.lower())


def _blanked(found: re.Match[str]) -> str:
    text = found[0]
    if len(text.split()) < _LONG:
        return text
    return text[0] + BLANK * (len(text) - 2) + text[-1]


def bound(phrase: str, count: int) -> tuple[Relation, int]:
    """A phrase such as "no more than" with its number, as one of the two published relations."""
    phrase = phrase.lower().strip()
    upper = re.fullmatch(rf"(?:{LESS}|or less|or fewer|or under|or shorter|at max|max)", phrase)
    inclusive = phrase.startswith("or ") or _INCLUSIVE.match(phrase) is not None
    if upper:
        return "less than", count + inclusive
    return "at least", count + (not inclusive)


def counted(units: str) -> re.Pattern[str]:
    """A bound and a number before a unit, or after it: "at least 3 words", "3 words or more"."""
    return re.compile(
        rf"\b(?P<before>{LESS}|{MORE})(?: (?:a )?total(?: number)? of| or equal to)? "
        rf"(?P<n>{NUMBER}) (?:\w+ )?(?:{units})\b|"
        rf"(?<![-–\d])\b(?P<n2>{NUMBER})[ -](?:{units})(?: \w+)? (?P<after>{AFTER})\b|"
        rf"\b(?P<n3>{NUMBER})\+ ?-?(?:{units})\b|"
        rf"\b(?P<n4>{NUMBER}) (?P<or>or more|or less|or fewer|or longer|at most) (?:{units})\b",
        re.IGNORECASE,
    )
