"""The table of all kinds in docs/constraints.md, made from the kinds themselves.

`python -m tutelage.constraints.reference docs/constraints.md` writes it anew between its two marks;
a test holds the page equal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic_core import PydanticUndefined

from tutelage.constraints.bounds import Bounded
from tutelage.constraints.constraint import CONSTRAINTS, Constraint

BEGIN = "<!-- Made by `python -m tutelage.constraints.reference`: edit the kinds instead. -->"
END = "<!-- End of the kinds. -->"
BOUNDS = frozenset(Bounded.model_fields)


def table() -> str:
    """Every kind of the house with its options and what counts, a table for each family."""
    kinds = [(name, CONSTRAINTS.get(name)) for name in CONSTRAINTS.names()]
    ours = [each for each in kinds if each[1].__module__.startswith("tutelage.constraints.")]
    lines = [BEGIN]
    for family, members in groupby(ours, key=lambda each: each[0].partition(":")[0]):
        lines += [
            "",
            f"### {family}",
            "",
            "| kind | options | what counts |",
            "| --- | --- | --- |",
        ]
        for name, kind in members:
            about = " ".join((kind.__doc__ or "").split())
            cells = (f"`{name}`", "; ".join(_options(kind)), about)
            lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join([*lines, "", END])


def _options(kind: type[Constraint]) -> Iterator[str]:
    """Each option with its meaning; the three bounds as one word."""
    for name, field in kind.model_fields.items():
        if name not in BOUNDS:
            default = "" if field.default in {PydanticUndefined, None} else f", {field.default!r}"
            meaning = " ".join((field.description or "").split()).rstrip(".")
            given = "" if field.is_required() else "?"
            yield f"`{name}`{given} ({_value(field.annotation)}{default}): {meaning}"
    if issubclass(kind, Bounded):
        yield "bounds?" if kind.some else "bounds"


def _value(annotation: Any) -> str:
    """What an option's value is, in JSON's words."""
    choices = [each for each in get_args(annotation) or [annotation] if each is not type(None)]
    if get_origin(annotation) is Literal:
        return " or ".join(f'"{choice}"' for choice in choices)
    kind = choices[0] if get_origin(annotation) in {Union, UnionType} else annotation
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return _VALUES[get_origin(kind) or kind]


_VALUES = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    tuple: "list of texts",
    dict: "object",
}


def written(page: str) -> str:
    """A page with the table between its marks made anew."""
    before, _, rest = page.partition(BEGIN)
    return before + table() + rest.partition(END)[2]


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(written(path.read_text("utf-8")), "utf-8")
