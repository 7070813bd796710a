"""Text to SQL by execution: a query is right where its result is that of the right query.

Execution accuracy as Zhong et al. (2020, arXiv:2010.02840) and Spider's later leaderboard have it:
results are bags of rows, in order only where the right query orders them, and columns may come in
another order. Both queries run in `tutelage.sandbox` on an in-memory database or a file opened
read-only, under an authorizer that lets SQLite read and nothing else. One database is one witness:
a wrong query may agree by chance, the more easily the fewer rows there are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import orjson

from tutelage.errors import UserError
from tutelage.metrics import query_results, query_runner
from tutelage.metrics.fenced import fenced_code
from tutelage.metrics.metric import METRICS, Floats, Scores, mean_of_sums, mean_statistics
from tutelage.sandbox import Limits, Trial, Verdict, judge_all

_RUNNER = Path(query_runner.__file__).read_text()
_RESULTS = Path(query_results.__file__).read_text()
_TESTS = """
class ReferenceFailure(Exception):
    pass

def right_results():
    for query, ordered in RIGHT:
        try:
            yield plain(run(DATABASE, SCHEMA, query)), ordered
        except Exception as error:
            raise ReferenceFailure(str(error)) from None

expected = list(right_results())
result = plain(run(DATABASE, SCHEMA, ANSWER))
assert any(same(wanted, result, ordered=ordered) for wanted, ordered in expected), (
    f"{len(result)} rows, beginning {result[:3]}"
)
"""


@dataclass(frozen=True)
class SqlTask:
    """The right queries, any of which an answer may agree with, and their database.

    Attributes:
        queries: at least one.
        schema: SQL that makes the database in memory, rows included.
        database: in its place, a file of SQLite's; it is read only.
    """

    queries: tuple[str, ...]
    schema: str = ""
    database: str | None = None


def query_of(answer: str) -> str:
    """The query that an answer gives: its first fenced block, or all of it."""
    return [*fenced_code(answer), answer][0].strip()


def orders_its_rows(query: str) -> bool:
    """Whether a query has ORDER BY itself, not only in what it has in parentheses or quotes."""
    text = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", " ", query, flags=re.S)
    before = None
    while before != text:
        before, text = text, re.sub(r"\([^()]*\)", " ", text)
    return re.search(r"\border\s+by\b", text, re.I) is not None


def as_references(task: SqlTask) -> tuple[str, ...]:
    """A task as `ExecutionAccuracy` takes it for an item's references."""
    return (orjson.dumps(asdict(task)).decode(),)


@dataclass(frozen=True)
class ExecutionAccuracy:
    """The share of answers whose result is right."""

    name: str = "execution_accuracy"
    limits: Limits = field(default_factory=Limits)
    scale: ClassVar[Literal[1]] = 1
    higher_is_better: ClassVar[bool] = True
    answers: ClassVar[Literal["queries"]] = "queries"

    def score(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        """Run every answer and its right queries, and compare what they find.

        Raises:
            UserError: this machine cannot isolate programs; a database is not there; a right query
                cannot be run.
        """
        tasks = [_read(reference) for reference in references]
        files = list(dict.fromkeys(task.database for task in tasks if task.database is not None))
        for file in files:
            if not Path(file).is_file():
                raise UserError("the database is not there", where=file)
        trials = [
            _trial(query_of(answer), task, files)
            for answer, task in zip(predictions, tasks, strict=True)
        ]
        verdicts = judge_all(trials, self.limits, shared=[Path(file) for file in files])
        for task, verdict in zip(tasks, verdicts, strict=True):
            _check_reference(task, verdict)
        slow = {
            task: None
            for task, verdict in zip(tasks, verdicts, strict=True)
            if verdict.outcome == "timeout"
        }
        self._check_time(list(slow), files)
        right = np.array([float(verdict.passed) for verdict in verdicts])
        return Scores(
            per_item=right,
            statistics=mean_statistics(right),
            signature=f"{self.name}|rows:bag-unless-ordered|columns:any-order|floats:12-digits"
            f"|sqlite|seconds:{self.limits.seconds}",
            details={"outcomes": dict(Counter(verdict.outcome for verdict in verdicts))},
            verdicts={
                "outcome": [verdict.outcome for verdict in verdicts],
                "reason": [verdict.detail for verdict in verdicts],
            },
        )

    def aggregate(self, sums: Floats) -> Floats:
        """The mean over items."""
        return mean_of_sums(sums)

    def _check_time(self, tasks: Sequence[SqlTask], files: Sequence[str]) -> None:
        """See that it was not a right query that took too long: no answer could be right then."""
        own = [_trial(task.queries[0], task, files) for task in tasks]
        verdicts = judge_all(own, self.limits, shared=[Path(file) for file in files])
        for task, verdict in zip(tasks, verdicts, strict=True):
            if verdict.outcome == "timeout":
                raise UserError(
                    f"the right query takes more than {self.limits.seconds:g} seconds",
                    where=task.queries[0],
                    fix="leave the item out, or give a query that is faster",
                )


def _trial(query: str, task: SqlTask, files: Sequence[str]) -> Trial:
    database = None if task.database is None else f"/shared/{files.index(task.database)}"
    settings = {
        "RIGHT": [(right, orders_its_rows(right)) for right in task.queries],
        "DATABASE": database,
        "SCHEMA": task.schema,
        "ANSWER": query,
    }
    preamble = "".join(f"{name} = {value!r}\n" for name, value in settings.items())
    return Trial(_RUNNER, _TESTS, ("run",), _RESULTS + preamble)


def _check_reference(task: SqlTask, verdict: Verdict) -> None:
    kind, _, reason = verdict.detail.partition(": ")
    if kind == "ReferenceFailure":
        raise UserError(
            f"the right query cannot be run: {reason}",
            where=task.queries[0],
            fix="check the query against its schema or database",
        )


def _read(reference: Sequence[str]) -> SqlTask:
    try:
        found = orjson.loads(reference[0])
        return SqlTask(tuple(found["queries"]), found["schema"], found["database"])
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise UserError(
            "'execution_accuracy' needs a database for every item, and found another reference",
            fix="give rows with 'references' and with 'schema' or 'database'",
        ) from None


METRICS.register("execution_accuracy")(ExecutionAccuracy())
