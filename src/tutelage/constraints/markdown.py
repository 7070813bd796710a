"""Markdown: headings, lists, tables, code, quotations, links, emphasis, or none of it.

Read line by line as GitHub's Markdown has it, as far as a count needs; nothing inside fenced code
counts. IFEval's own kinds of form (`layout.py`) keep their published, simpler rules.
"""

from __future__ import annotations

import re
from itertools import groupby, pairwise
from typing import Annotated

from pydantic import Field

from tutelage.constraints.bounds import Counted
from tutelage.constraints.constraint import CONSTRAINTS, Constraint
from tutelage.constraints.keywords import Words
from tutelage.constraints.parts import prose_and_code

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?")
_NUMBERED = re.compile(r" {0,3}(\d{1,9})[.)][ \t]+\S")
_CHECKBOX = re.compile(r"\s*[-*+][ \t]+\[([ xX])\][ \t]+\S")
_LINK = re.compile(r"(?<!!)\[[^\[\]\n]*\]\([^()\s]+\)")
_BOLD = re.compile(r"\*\*(?=[^\s*])[^*\n]*(?<=[^\s*])\*\*")
_MARKED = re.compile(r"\s*(?:[-*+]|>|\d{1,9}[.)])[ \t]")


@CONSTRAINTS.register("markdown:headings")
class Headings(Counted):
    """Headings marked by `#`."""

    some = True
    level: Annotated[int, Field(ge=1, le=6)] | None = None
    """Count those of one level only: 1 for `#`, 2 for `##`."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return sum(self.level in {None, level} for level, _ in _headings(response))


@CONSTRAINTS.register("markdown:heading_order")
class HeadingOrder(Constraint):
    """The headings are these and no others, in this order, case ignored."""

    headings: Words
    """The texts of the headings, without `#`."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        found = [text.casefold() for _, text in _headings(response)]
        return found == [heading.strip().casefold() for heading in self.headings]


@CONSTRAINTS.register("markdown:numbered_list")
class NumberedList(Counted):
    """Items of numbered lists (`1.` or `1)`), if each list counts 1, 2, 3 … without a gap."""

    some = True

    def count(self, response: str) -> int:
        """See `Counted.count`; 0 where the numbers have a gap."""
        marks = map(_NUMBERED.match, prose_and_code(response)[0])
        numbers = [int(mark[1]) for mark in marks if mark]
        steps = all(second in {1, first + 1} for first, second in pairwise([0, *numbers]))
        return len(numbers) if steps else 0


@CONSTRAINTS.register("markdown:checklist")
class Checklist(Counted):
    """Items with a box, `- [ ] such` or `- [x] such`."""

    some = True
    ticked: bool | None = None
    """Count only those that are ticked, or only those that are not."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        boxes = map(_CHECKBOX.match, prose_and_code(response)[0])
        return sum(self.ticked in {None, box[1] != " "} for box in boxes if box)


@CONSTRAINTS.register("markdown:block_quotes")
class BlockQuotes(Counted):
    """Quotations marked by `>`; lines of it without another between them are one."""

    some = True

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        quoted = (line.lstrip().startswith(">") for line in prose_and_code(response)[0])
        return sum(is_quote for is_quote, _ in groupby(quoted))


@CONSTRAINTS.register("markdown:code_blocks")
class CodeBlocks(Counted):
    """Blocks of code between fences of three backticks or tildes, opened and closed."""

    some = True
    language: str | None = None
    """Count those marked with this language only, such as `python`; case ignored."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        languages = [code.language.lower() for code in prose_and_code(response)[1]]
        return len(languages) if self.language is None else languages.count(self.language.lower())


@CONSTRAINTS.register("markdown:links")
class Links(Counted):
    """Links as Markdown writes them; pictures are none."""

    some = True

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return len(_LINK.findall("\n".join(prose_and_code(response)[0])))


@CONSTRAINTS.register("markdown:bold")
class Bold(Counted):
    """Stretches in bold, `**such**`, each on one line."""

    some = True

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return len(_BOLD.findall("\n".join(prose_and_code(response)[0])))


@CONSTRAINTS.register("markdown:none")
class NoMarkdown(Constraint):
    """Plain text: no heading, list, quotation, link, bold, table or code, nor a backtick."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        if "`" in response or "~~~" in response or _LINK.search(response) or _BOLD.search(response):
            return False
        lines = response.split("\n")
        return not _headings(response) and not any(
            _MARKED.match(line) or line.lstrip().startswith("|") for line in lines
        )


def _headings(response: str) -> list[tuple[int, str]]:
    """Level and text of every heading."""
    found = map(_HEADING.fullmatch, prose_and_code(response)[0])
    return [(len(mark[1]), _unclosed((mark[2] or "").strip())) for mark in found if mark]


def _unclosed(text: str) -> str:
    """A heading's text without the marks that may close it, as in `## Such ##`."""
    rest = text.rstrip("#")
    return rest.rstrip() if rest[-1:] in {"", " ", "\t"} else text
