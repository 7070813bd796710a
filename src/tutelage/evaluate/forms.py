"""The forms that tasks demand of their answers, as references for the metrics that measure them.

A form is a verifiable instruction (`constraints`) that all answers of a task have in common; the
recipe says it in a word, and this is where the word becomes the constraint.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from tutelage.constraints import constraint
from tutelage.errors import UserError
from tutelage.evaluate.options import WRITTEN_OUT, AnswerForm
from tutelage.metrics.instruction_following import as_references


def form_references(form: AnswerForm, where: str | None = None) -> dict[str, str]:
    """For each metric whose form is given, the reference of every answer.

    Args:
        form: as the user gave it.
        where: what messages call it, such as `evaluate.tasks.sql.format`.

    Raises:
        UserError: a schema cannot be read, or what is given is no schema or expression.
    """
    references = {}
    for metric, kind, kwargs in _constraints(form, where):
        place = f"{where}.{metric}" if where else metric
        constraint(kind, kwargs, where=place)
        (references[metric],) = as_references([{"id": kind, "kwargs": kwargs}], prompt="")
    return references


def needs_form(metric: str, where: str | None = None) -> UserError:
    """The error for a metric whose form nobody has given."""
    return UserError(
        f"'{metric}' measures a form that is not given", where=where, fix=_GIVE[metric]
    )


_GIVE = {
    "json_schema": "give the file of the schema: `format: {json_schema: FILE}` in the task's "
    "settings, or --json-schema FILE",
    "regular_expression": "give the expression: `format: {regular_expression: …}` in the task's "
    "settings, or --regular-expression TEXT",
    "label_set": "give the labels: `format: {label_set: [ … ]}` in the task's settings, or "
    "--label TEXT for each",
}


def _constraints(form: AnswerForm, where: str | None) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Metric, kind and options of each form given."""
    if form.json_schema is not None:
        yield "json_schema", "data:json_schema", {"json_schema": _schema(form.json_schema, where)}
    if form.regular_expression is not None:
        yield "regular_expression", "data:regular_expression", {"pattern": form.regular_expression}
    if form.label_set is not None:
        yield "label_set", "data:label_set", {"labels": form.label_set}


def _schema(given: str, where: str | None) -> Any:
    """The schema that is given, or that stands in the file that is."""
    is_itself = given.startswith(WRITTEN_OUT)
    place = (f"{where}.json_schema" if where else "json_schema") if is_itself else given
    try:
        return orjson.loads(given if is_itself else Path(given).read_bytes())
    except OSError as error:
        raise UserError(str(error.strerror), where=place) from None
    except orjson.JSONDecodeError as error:
        raise UserError(f"not JSON: {error}", where=place) from None
