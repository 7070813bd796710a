"""Marks in the text: citations, quotations, dates, addresses, punctuation."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from tutelage.constraints import expressions
from tutelage.constraints.bounds import Counted
from tutelage.constraints.constraint import CONSTRAINTS, Constraint
from tutelage.constraints.parts import prose_and_code, words
from tutelage.constraints.sentences import sentences

_CITED = re.compile(r"\[(\d{1,4}(?:\s?[,;–-]\s?\d{1,4})*)\](?![(:])")
_LISTED = re.compile(r"^[ \t]*(?:\[(\d{1,4})\]:?|(\d{1,4})[.)])[ \t]+\S", re.MULTILINE)
_IN_PARENTHESES = re.compile(r"\(([^()]*)\)")
_YEAR = re.compile(r"(?<=[ ,])(?:1[5-9]|20)\d\d[a-z]?\b")
_AUTHOR_BEFORE = re.compile(
    r"\b[^\W\d_a-z][\w'’-]{0,60}(?: et al\.)? \((?:1[5-9]|20)\d\d[a-z]?[,)]"
)
_FOOTNOTE = re.compile(r"\[\^([^\s\[\]]{1,40})\](:?)")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^“”\n]+)”|„([^„“”\n]+)[“”]|«([^«»\n]+)»")
_PAIRS = {")": "(", "]": "[", "}": "{"}
_URL = r"\bhttps?://[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:[/?#][^\s<>\"]*)?"
_EMAIL = r"\b[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b"
_DATES = {
    "YYYY-MM-DD": re.compile(r"(?<![\w-])(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?![\w-])"),
    "DD.MM.YYYY": re.compile(r"(?<![\w.])(?P<day>\d\d)\.(?P<month>\d\d)\.(?P<year>\d{4})(?!\w)"),
    "DD/MM/YYYY": re.compile(r"(?<![\w/])(?P<day>\d\d)/(?P<month>\d\d)/(?P<year>\d{4})(?![\w/])"),
    "MM/DD/YYYY": re.compile(r"(?<![\w/])(?P<month>\d\d)/(?P<day>\d\d)/(?P<year>\d{4})(?![\w/])"),
}


@CONSTRAINTS.register("citation:numbered")
class NumberedCitations(Counted):
    """Different sources cited as `[1]`, `[2, 3]` or `[4-6]`, numbered from 1 without a gap."""

    some = True
    listed: bool = False
    """Whether a line for each source, `[1] …` or `1. …`, must be there as well."""

    def count(self, response: str) -> int:
        """See `Counted.count`; 0 where the numbers have a gap or a source is not listed."""
        cited = {number for mark in _CITED.finditer(_running(response)) for number in _range(mark)}
        entries = {int(mark[1] or mark[2]) for mark in _LISTED.finditer(response)}
        if cited != set(range(1, len(cited) + 1)) or (self.listed and not cited <= entries):
            return 0
        return len(cited)


@CONSTRAINTS.register("citation:author_year")
class AuthorYear(Counted):
    """Citations such as `(Lee, 2019)`, `(Lee et al., 2019; Roe 2020)` and `Lee (2019)`."""

    some = True

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        inside = (found[1].split(";") for found in _IN_PARENTHESES.finditer(response))
        named = sum(_names_author(part) for parts in inside for part in parts)
        return named + len(_AUTHOR_BEFORE.findall(response))


@CONSTRAINTS.register("citation:footnotes")
class Footnotes(Counted):
    """Footnotes of Markdown: `[^1]` in the text, and a line `[^1]: …` for each."""

    some = True

    def count(self, response: str) -> int:
        """See `Counted.count`; 0 where a mark has no line, or a line no mark."""
        found = _FOOTNOTE.findall("\n".join(prose_and_code(response)[0]))
        marks = {name for name, colon in found if not colon}
        return len(marks) if marks == {name for name, colon in found if colon} else 0


@CONSTRAINTS.register("quotation:count")
class Quotations(Counted):
    """Stretches in double quotation marks of any style, each on one line."""

    some = True

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return len(_QUOTED.findall(response))


@CONSTRAINTS.register("quotation:text")
class QuotedText(Constraint):
    """A text stands in double quotation marks, letter for letter."""

    text: Annotated[str, Field(pattern=r"\S")]
    """The text; a mark at its end may stand before the closing quotation mark."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        quoted = {next(filter(None, found)).strip() for found in _QUOTED.findall(response)}
        wanted = self.text.strip()
        return any(text in {wanted, f"{wanted},", f"{wanted}."} for text in quoted)


@CONSTRAINTS.register("presence:dates")
class Dates(Counted):
    """Dates in one form that are in the calendar."""

    some = True
    form: Literal["YYYY-MM-DD", "DD.MM.YYYY", "DD/MM/YYYY", "MM/DD/YYYY"]
    """The form."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return sum(map(_in_calendar, _DATES[self.form].finditer(response)))


@CONSTRAINTS.register("presence:urls")
class Urls(Counted):
    """Web addresses with `http://` or `https://`."""

    some = True

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return expressions.count(_URL, response)


@CONSTRAINTS.register("presence:emails")
class Emails(Counted):
    """E-mail addresses."""

    some = True

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return expressions.count(_EMAIL, response)


@CONSTRAINTS.register("presence:hashtags")
class Hashtags(Counted):
    """Hashtags: `#` and a word that is no number."""

    some = True

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return len(re.findall(r"(?<![\w#&])#(?=\w*[^\W\d_])\w+", response))


@CONSTRAINTS.register("punctuation:forbidden")
class ForbiddenMarks(Constraint):
    """None of some marks occurs."""

    marks: Annotated[str, Field(pattern=r"^[^\w\s]+$")]
    """The marks, as one text such as `!;`."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return set(self.marks).isdisjoint(response)


@CONSTRAINTS.register("punctuation:sentences_end_with")
class SentencesEndWith(Constraint):
    """Every sentence ends with a mark, before a closing quotation mark or bracket if need be."""

    mark: Annotated[str, Field(pattern=r"^[^\w\s]+$")]
    """The mark, such as `?`."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        found = [sentence for sentence in sentences(response) if words(sentence)]
        ends = (sentence.rstrip("\"'”’»)]*_") for sentence in found)
        return bool(found) and all(end.endswith(self.mark) for end in ends)


@CONSTRAINTS.register("punctuation:balanced")
class Balanced(Constraint):
    """Every round, square and curly bracket that opens is closed, none within another's pair."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        opened: list[str] = []
        for character in response:
            if character in "([{":
                opened.append(character)
            elif character in _PAIRS and (not opened or opened.pop() != _PAIRS[character]):
                return False
        return not opened


def _names_author(text: str) -> bool:
    """Whether a year stands behind a name."""
    year = _YEAR.search(text)
    return year is not None and any(map(str.isalpha, text[: year.start()]))


def _running(response: str) -> str:
    """The text without code and without the lines of a list of sources."""
    prose = prose_and_code(response)[0]
    return "\n".join(line for line in prose if not re.match(r"\s*\[\d{1,4}\]:?[ \t]", line))


def _range(mark: re.Match[str]) -> set[int]:
    """The numbers of a mark such as `[1, 4-6]`."""
    numbers: set[int] = set()
    for part in re.split(r"[,;]", mark[1]):
        first, *rest = (int(text) for text in re.split(r"[–-]", part))
        numbers.update(range(first, (rest or [first])[-1] + 1))
    return numbers


def _in_calendar(found: re.Match[str]) -> bool:
    try:
        date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return False
    return True
