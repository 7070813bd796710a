"""Rows of `tutelage score` whose predictions are run: programs with tests, queries with a database.

A program's row is of HumanEval's form (`prompt`, `test`, `entry_point`) or of MBPP's (`test_list`,
perhaps `test_setup_code` and `test_imports`); its `prediction` is one sample, or a list of samples.
A query's row has the right queries as `references`, and a `schema` (SQL, rows included) or a
`database` (a file of SQLite's).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tutelage.data.rows import shown
from tutelage.errors import UserError
from tutelage.metrics import Metric, code, text_to_sql

if TYPE_CHECKING:
    from tutelage.pipeline.score_rows import Row

PROGRAMS = (
    '{"prompt": "…", "test": "…", "entry_point": "…", "prediction": "…"} or '
    '{"test_list": ["…"], "prediction": "…"}'
)
QUERIES = '{"references": ["SELECT …"], "schema": "CREATE TABLE …", "prediction": "SELECT …"}'


def as_tests(row: Row, metric: Metric) -> tuple[str, Sequence[str]]:
    """The first sample, and as references the task with the samples beside it."""
    given = row.prediction
    samples = _texts(row, "prediction", [given] if isinstance(given, str) else given, PROGRAMS)
    try:
        task = _task(row)
    except UserError as error:
        raise UserError(error.what, where=row.place, fix=error.fix or _expected(PROGRAMS)) from None
    return samples[0], code.as_references(task, samples[1:])


def as_queries(row: Row, metric: Metric) -> tuple[str, Sequence[str]]:
    """The query, and as references the right ones with their database."""
    expected = f"a row for {metric.name}: {QUERIES}"
    answer = _text(row, "prediction", QUERIES)
    right = _texts(row, "references", row.field("references", expected), QUERIES)
    if row.values.get("database") is not None:
        task = text_to_sql.SqlTask(tuple(right), database=_text(row, "database", QUERIES))
    else:
        row.field("schema", expected)
        task = text_to_sql.SqlTask(tuple(right), _text(row, "schema", QUERIES))
    return answer, text_to_sql.as_references(task)


def _task(row: Row) -> code.CodeTask:
    if row.values.get("test_list") is not None:
        tests = _texts(row, "test_list", row.values["test_list"], PROGRAMS)
        setup = row.values.get("test_setup_code") or ""
        imports = row.values.get("test_imports") or []
        if not isinstance(setup, str):
            raise row.wrong("test_setup_code", shown(setup), "text", _expected(PROGRAMS))
        if imports:
            imports = _texts(row, "test_imports", imports, PROGRAMS)
        return code.mbpp_task(tests, setup, imports)
    row.field("test", f"a row of HumanEval's form or of MBPP's: {PROGRAMS}")
    prompt, test, name = (_text(row, key, PROGRAMS) for key in ("prompt", "test", "entry_point"))
    if not name.isidentifier():
        raise row.wrong("entry_point", shown(name), "a name", "name the function that is tested")
    return code.humaneval_task(prompt, test, name)


def _text(row: Row, field: str, form: str) -> str:
    value = row.field(field, form)
    if not isinstance(value, str):
        raise row.wrong(field, shown(value), "text", _expected(form))
    return value


def _texts(row: Row, field: str, value: Any, form: str) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        found = "an empty list" if value == [] else shown(value)
        raise row.wrong(field, found, "a list of texts", _expected(form))
    return value


def _expected(form: str) -> str:
    return f"write {form}"
