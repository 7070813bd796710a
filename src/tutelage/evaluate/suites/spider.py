"""Spider's development questions: text to SQL, by execution (Yu et al. 2018, arXiv:1809.08887).

A question and its database's schema as `CREATE TABLE` statements, which models do better by than by
other forms (Rajkumar et al. 2022, arXiv:2204.00498). An answer is right where its result is that of
the right query on the database of the release, `database/NAME/NAME.sqlite` beside the questions
(`metrics/text_to_sql.py`); without the databases nothing can be said of an answer, and the suite is
skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.own_items import REFERENCES
from tutelage.evaluate.programs import check_sandbox
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, NotAsked, Suite
from tutelage.metrics import METRICS
from tutelage.metrics.text_to_sql import SqlTask, as_references

METRIC = "execution_accuracy"
LONGEST = 128
DEMAND = "Answer with one SQLite query that answers the question, and nothing else."
FIX = "expected the release's dev.json: a list of objects with question, query and db_id"
TYPES = {"number": "real", "text": "text", "time": "text", "boolean": "integer"}


class Spider(Suite):
    """Queries, by what they find."""

    area = "tasks"
    title = "text to SQL, judged by execution: Spider's development set"
    data = "spider/dev.json"

    def questions(self, given: Given) -> list[Question]:
        """One a question, with its database's schema."""
        path = given.path(self.data)
        rows = _rows(path)
        schemas = _schemas(path.parent / "tables.json")
        for name in dict.fromkeys(row["db_id"] for row in rows):
            if not _database(path, name).is_file():
                raise NotAsked(f"needs the databases of the release: {_database(path, name)}")
        check_sandbox()
        return [
            _question(path, number, row, schemas.get(row["db_id"]))
            for number, row in enumerate(rows)
        ]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """The share of queries that find what the right one does."""
        metric = METRICS.get(METRIC)
        references = [one.target[REFERENCES] for one in questions]
        scores = metric.score([reply.answer for reply in replies], references)
        return [Measure.of(metric, scores, primary=True)]


def create_statements(schema: Mapping[str, Any]) -> str:
    """A database's tables as SQL, of an entry of `tables.json`.

    Column types, primary and foreign keys are the entry's; names are written as they are in it.
    """
    columns, names = schema["column_names_original"], schema["table_names_original"]
    types = [TYPES.get(kind, "text") for kind in schema["column_types"]]
    parts: list[list[str]] = [[] for _ in names]
    for (table, name), kind in zip(columns, types, strict=True):
        if table >= 0:
            parts[table].append(f'"{name}" {kind}')
    for key in schema["primary_keys"]:
        # Later releases have lists for keys of several columns.
        places = key if isinstance(key, list) else [key]
        listed = ", ".join(f'"{columns[at][1]}"' for at in places)
        parts[columns[places[0]][0]].append(f"primary key ({listed})")
    for one, other in schema["foreign_keys"]:
        (table, name), (there, key) = columns[one], columns[other]
        parts[table].append(f'foreign key ("{name}") references "{names[there]}" ("{key}")')
    return "\n".join(
        f'create table "{name}" (\n  ' + ",\n  ".join(lines) + "\n);"
        for name, lines in zip(names, parts, strict=True)
    )


def _question(
    path: Path, number: int, row: Mapping[str, str], schema: Mapping[str, Any] | None
) -> Question:
    if schema is None:
        raise UserError(
            f"no schema of the database '{row['db_id']}'",
            where=f"{path} row {number}",
            fix=f"expected one in {path.parent / 'tables.json'}",
        )
    text = f"{create_statements(schema)}\n\nQuestion: {row['question']}\n\n{DEMAND}"
    task = SqlTask((row["query"],), database=str(_database(path, row["db_id"])))
    return Question(
        key=str(number),
        turns=(Message("user", text),),
        max_new_tokens=LONGEST,
        target={REFERENCES: list(as_references(task))},
    )


def _database(path: Path, name: str) -> Path:
    return path.parent / "database" / name / f"{name}.sqlite"


def _rows(path: Path) -> list[Mapping[str, str]]:
    rows = _read(path)
    for number, row in enumerate(rows):
        missing = [
            name for name in ("question", "query", "db_id") if not isinstance(row.get(name), str)
        ]
        if missing:
            raise UserError(
                f"not a question: no text in '{missing[0]}'",
                where=f"{path} row {number}",
                fix=FIX,
            )
    return rows


def _schemas(path: Path) -> dict[str, Mapping[str, Any]]:
    """Of each database its entry in `tables.json`."""
    needed = (
        *("db_id", "table_names_original", "column_names_original", "column_types"),
        *("primary_keys", "foreign_keys"),
    )
    entries = _read(path)
    for number, entry in enumerate(entries):
        missing = [name for name in needed if name not in entry]
        if missing:
            raise UserError(
                f"not a schema: no '{missing[0]}'",
                where=f"{path} row {number}",
                fix=f"expected the release's tables.json, with {', '.join(needed)}",
            )
    return {str(entry["db_id"]): entry for entry in entries}


def _read(path: Path) -> list[Mapping[str, Any]]:
    if not path.is_file():
        raise NotAsked(f"{path} is not there")
    try:
        found = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise UserError(f"not JSON: {error}", where=str(path), fix=FIX) from None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise UserError("found no list of objects", where=str(path), fix=FIX)
    return found


SUITES.register("spider")(Spider())
