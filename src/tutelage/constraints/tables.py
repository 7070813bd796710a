"""Tables: Markdown's, and comma-separated values."""

from __future__ import annotations

import csv
import io
import re
from typing import Annotated

from pydantic import Field

from tutelage.constraints.constraint import CONSTRAINTS, Constraint
from tutelage.constraints.keywords import Count, Words
from tutelage.constraints.parts import bare, prose_and_code

_DELIMITER = re.compile(r"[ \t]*:?-+:?[ \t]*")
_PIPE = re.compile(r"(?<!\\)\|")

Cells = list[list[str]]
"""The cells of a table, line by line; the first is its head."""


class Table(Constraint):
    """A table of a size, all of its lines with as many cells as its head."""

    rows: Count | None = None
    """How many lines it has below its head."""
    columns: Annotated[int, Field(ge=1)] | None = None
    """How many columns it has."""
    header: Words | None = None
    """What stands in its head, case ignored."""

    def fits(self, table: Cells) -> bool:
        """Whether a table is what is asked for."""
        head, *body = table
        return (
            all(len(line) == len(head) for line in body)
            and self.rows in {None, len(body)}
            and self.columns in {None, len(head)}
            and (self.header is None or list(map(_same, head)) == list(map(_same, self.header)))
        )


@CONSTRAINTS.register("markdown:table")
class MarkdownTable(Table):
    """A table in Markdown is in it: a head, a line of dashes below it, and the rows."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return any(map(self.fits, _tables(prose_and_code(response)[0])))


@CONSTRAINTS.register("data:csv")
class CommaSeparated(Table):
    """All of it is a table of separated values with a head, in a code fence or not."""

    separator: Annotated[str, Field(pattern=r"^[^\"\n\r]$")] = ","
    """What stands between the values."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        text = io.StringIO(bare(response, "csv", "tsv"), newline="")
        try:
            table = [row for row in csv.reader(text, delimiter=self.separator, strict=True) if row]
        except csv.Error:
            return False
        if not table:
            return False
        alone = self.columns is None and self.header is None and len(table[0]) < 2
        return not alone and self.fits(table)


def _tables(lines: list[str]) -> list[Cells]:
    """The tables of some lines; one ends with the first line that has no cell divider."""
    found: list[Cells] = []
    table: Cells | None = None
    for before, line in zip(["", *lines], lines, strict=False):
        if table is not None and "|" in line:
            table.append(_cells(line))
        elif "|" in line and "|" in before and all(map(_DELIMITER.fullmatch, _cells(line))):
            table = [_cells(before)] if len(_cells(before)) == len(_cells(line)) else None
            found += [] if table is None else [table]
        else:
            table = None
    return found


def _cells(line: str) -> list[str]:
    """The cells of a line, without the pipes at either end."""
    text = line.strip().removeprefix("|")
    if not text.endswith("\\|"):
        text = text.removesuffix("|")
    return [cell.strip() for cell in _PIPE.split(text)]


def _same(text: str) -> str:
    return text.strip().casefold()
