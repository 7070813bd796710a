"""The rows that `tutelage score` reads, and how each kind of metric finds in them what it compares.

A row is one JSON object with a `prediction`. Beside it stand `references`, or verifiable
instructions as IFEval's published file has them (`instruction_id_list`, and `kwargs` with a null
for every option that is another kind's); programs and queries have what they are run with
(`program_rows`); a form demanded of all answers is given with the command. What else a row holds is
left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tutelage.constraints import CONSTRAINTS, constraint
from tutelage.data.rows import shown
from tutelage.data.sources.records import File
from tutelage.data.sources.streams import lines, opened, text
from tutelage.errors import UserError
from tutelage.metrics import Metric
from tutelage.metrics.entities import check_tags
from tutelage.metrics.instruction_following import as_references
from tutelage.metrics.metric import Answers
from tutelage.pipeline.program_rows import as_queries, as_tests

EXPECTED = '{"prediction": "…", "references": ["…"]}'
INSTRUCTIONS = (
    '{"prompt": "…", "instruction_id_list": ["…"], "kwargs": [{…}], "prediction": "…"}, with an '
    "object of options for each instruction"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file, its fields not yet fitted to a metric.

    Attributes:
        place: file, 0-based row and 1-based line, for messages.
        values: what it holds; a prediction at least.
    """

    place: str
    values: Mapping[str, Any]

    @property
    def prediction(self) -> Any:
        """The answer."""
        return self.values["prediction"]

    def field(self, name: str, expected: str) -> Any:
        """A field that must be there.

        Raises:
            UserError: it is missing or null.
        """
        if self.values.get(name) is None:
            names = ", ".join(map(repr, self.values)) or "none"
            found = "null" if name in self.values else f"only {names}"
            raise UserError(
                f"field '{name}' is missing: found {found}",
                where=self.place,
                fix=f"expected {expected}",
            )
        return self.values[name]

    def wrong(self, field: str, found: str, expected: str, fix: str) -> UserError:
        """The error for a field that cannot be scored."""
        return UserError(
            f"field '{field}': found {found}, expected {expected}", where=self.place, fix=fix
        )


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file; blank lines are passed over and not counted.

    Raises:
        UserError: the file or one of its rows is not what is expected.
    """
    number = 0
    with opened(File(str(path), path)) as stream:
        for line in lines(stream):
            content = text(line, str(path)).strip()
            if content:
                yield _read_row(content, f"{path} row {number} (line {line.number})")
                number += 1
    if not number:
        raise UserError(
            "the file holds no rows", where=str(path), fix=f"expected one object a line: {EXPECTED}"
        )


def _read_row(content: str, place: str) -> Row:
    fix = f"write one JSON object a line: {EXPECTED}"
    try:
        values = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UserError(f"not JSON: {error}", where=place, fix=fix) from None
    if not isinstance(values, dict):
        raise UserError(f"found {shown(values)}, expected an object", where=place, fix=fix)
    row = Row(place, values)
    row.field("prediction", EXPECTED)
    return row


def as_text(row: Row, metric: Metric) -> tuple[str, Sequence[str]]:
    """Prediction and references for a metric that compares texts."""
    references = _references(row)
    fix = f"'{metric.name}' compares texts; lists are of IOB2 tags, for entity_f1"
    for field, value in _fields(references, row.prediction):
        if not isinstance(value, str):
            raise row.wrong(field, shown(value), "text", fix)
    return row.prediction, references


def as_tags(row: Row, metric: Metric) -> tuple[str, Sequence[str]]:
    """Prediction and references as IOB2 tags with spaces between.

    A prediction that is a list is aligned with its tokens, so every reference must have as many
    tags; one that is text is a model's answer, which the metric takes as it comes. Beside a list,
    references may be the one list of tags itself.
    """
    listed = isinstance(row.prediction, list)
    references = _references(row)
    if listed and all(isinstance(tag, str) for tag in references):
        references = [references]
    for field, value in _fields(references, row.prediction):
        _check_tags(row, field, value, answer=field == "prediction")
        if listed and len(value) != len(row.prediction):
            raise row.wrong(
                field,
                f"{len(value)} tags",
                f"{len(row.prediction)}, as many as the prediction has",
                "give one tag for each token, in prediction and references alike",
            )
    return _joined(row.prediction), [_joined(reference) for reference in references]


def as_constraints(row: Row, metric: Metric) -> tuple[str, Sequence[str]]:
    """Prediction, and as references the verifiable instructions of a row of IFEval's."""
    expected = f"a row for {metric.name}: {INSTRUCTIONS}"
    prompt = row.field("prompt", expected)
    for field, value in (("prediction", row.prediction), ("prompt", prompt)):
        if not isinstance(value, str):
            raise row.wrong(field, shown(value), "text", f"write {expected}")
    names, given = (row.field(name, expected) for name in ("instruction_id_list", "kwargs"))
    for field, value in (("instruction_id_list", names), ("kwargs", given)):
        if not isinstance(value, list) or not value:
            raise row.wrong(field, shown(value), "a list that is not empty", f"write {expected}")
    if len(names) != len(given):
        fix = "give each instruction one object of options, {} where it has none"
        raise row.wrong("kwargs", f"{len(given)} entries", f"{len(names)}", fix)
    constraints = [
        {"id": name, "kwargs": _options(row, number, name, kwargs)}
        for number, (name, kwargs) in enumerate(zip(names, given, strict=True))
    ]
    return row.prediction, as_references(constraints, prompt)


def _options(row: Row, number: int, name: Any, kwargs: Any) -> Mapping[str, Any]:
    """The options of a row's instruction, which make a constraint of its kind."""
    if not isinstance(name, str):
        field = f"instruction_id_list[{number}]"
        raise row.wrong(field, shown(name), "a kind's id", "see docs/constraints.md for the kinds")
    kwargs = {} if kwargs is None else kwargs
    field = f"kwargs[{number}]"
    if not isinstance(kwargs, dict):
        raise row.wrong(field, shown(kwargs), "an object", "give its options by name")
    if name not in CONSTRAINTS.names():
        field = f"instruction_id_list[{number}]"
    try:
        constraint(name, kwargs)
    except UserError as error:
        fix = error.fix or "see docs/constraints.md for every kind and its options"
        raise UserError(f"field '{field}': {error.what}", where=row.place, fix=fix) from None
    return kwargs


def _references(row: Row) -> list[Any]:
    """The references of a row, at least one."""
    references = row.field("references", EXPECTED)
    if not isinstance(references, list):
        fix = "put a single reference into a list of one"
        raise row.wrong("references", shown(references), "a list", fix)
    if not references:
        fix = "give at least one reference, or leave the row out"
        raise row.wrong("references", "an empty list", "at least one reference", fix)
    return references


def _check_tags(row: Row, field: str, value: Any, *, answer: bool) -> None:
    """Refuse what is not IOB2, except in a model's answer that is text."""
    if not isinstance(value, str | list):
        raise row.wrong(
            field, shown(value), "a list of IOB2 tags", 'such as ["B-PER", "I-PER", "O"]'
        )
    if isinstance(value, str) and answer:
        return
    for tag in value if isinstance(value, list) else ():
        if not isinstance(tag, str):
            raise row.wrong(field, shown(tag), "only tags as text", 'such as ["B-PER", "O"]')
    problem = check_tags(value.split() if isinstance(value, str) else value)
    if problem:
        fix = "convert the tags to IOB2"
        raise UserError(f"field '{field}': {problem}", where=row.place, fix=fix)


def _joined(tags: str | list[str]) -> str:
    return tags if isinstance(tags, str) else " ".join(tags)


def _fields(references: Sequence[Any], prediction: Any) -> Iterator[tuple[str, Any]]:
    """The values of a row with the names that messages give them."""
    yield "prediction", prediction
    for number, reference in enumerate(references):
        yield f"references[{number}]", reference


FITTED: Mapping[Answers, Callable[[Row, Metric], tuple[str, Sequence[str]]]] = {
    "text": as_text,
    "tags": as_tags,
    "constraints": as_constraints,
    "tests": as_tests,
    "queries": as_queries,
}
"""A row's prediction and references, by what a metric finds in the row to compare it with."""


def as_form(row: Row, reference: str) -> tuple[str, Sequence[str]]:
    """Prediction, and the form that all answers of the file must have."""
    if not isinstance(row.prediction, str):
        raise row.wrong("prediction", shown(row.prediction), "text", "write the answer as text")
    return row.prediction, [reference]
