"""Queries judged by what they find."""

from __future__ import annotations

import sqlite3
from itertools import permutations
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isolation import needs_isolation
from tutelage.errors import UserError
from tutelage.metrics import METRICS, Scores
from tutelage.metrics.query_results import Rows, same
from tutelage.metrics.text_to_sql import SqlTask, as_references, orders_its_rows, query_of

pytestmark = needs_isolation

SCHEMA = """
create table singer (id integer primary key, name text, age integer, country text);
insert into singer values (1, 'Ada', 30, 'FR'), (2, 'Bo', 41, 'FR'), (3, 'Cy', 25, 'US');
create table concert (id integer, singer integer, price real);
insert into concert values (1, 1, 9.5), (2, 1, 0.1), (3, 3, 0.2), (4, 2, null);
"""
BY_AGE = "SELECT name FROM singer ORDER BY age"
ALL = "SELECT name, age FROM singer"


def _score(answers: list[str], gold: str, **database: str) -> Scores:
    task = SqlTask((gold,), **(database or {"schema": SCHEMA}))
    metric = METRICS.get("execution_accuracy")
    return metric.score(answers, [as_references(task)] * len(answers))


def _right(answers: list[str], gold: str) -> list[bool]:
    return [value == 1 for value in _score(answers, gold).per_item]


def test_rows_count_in_order_only_where_the_right_query_orders_them() -> None:
    forth, back = (
        "SELECT name FROM singer ORDER BY age",
        "SELECT name FROM singer ORDER BY age DESC",
    )
    assert _right([forth, back], BY_AGE) == [True, False]
    assert _right([forth, back], "SELECT name FROM singer") == [True, True]


def test_rows_are_a_bag_and_columns_come_in_any_order() -> None:
    answers = [
        "SELECT age, name FROM singer",
        "SELECT name FROM singer",
        "SELECT name, age FROM singer UNION ALL SELECT name, age FROM singer",
        "SELECT name, age + 1 FROM singer",
        # The same columns, but not the same rows.
        "SELECT a.name, b.age FROM singer a JOIN singer b ON b.id = a.id % 3 + 1",
    ]
    assert _right(answers, ALL) == [True, False, False, False, False]


def test_numbers_are_compared_by_value_and_null_is_itself() -> None:
    assert _right(["SELECT 3.0", "SELECT 4", "SELECT '3'", "SELECT null"], "SELECT 3") == [
        True, False, False, False,
    ]  # fmt: skip
    sums = ["SELECT 0.2 + 9.5 + 0.1", "SELECT sum(price) FROM concert", "SELECT 9.9"]
    assert _right(sums, "SELECT total(price) FROM concert") == [True, True, False]
    assert _right(["SELECT price FROM concert WHERE id = 4"], "SELECT null") == [True]


def test_the_query_of_an_answer_is_found() -> None:
    fenced = f"Here you are:\n```sql\n{BY_AGE};\n```\nIt orders by age."
    assert query_of(fenced) == f"{BY_AGE};"
    assert _right([fenced, f"```sql\n{BY_AGE}", f" {BY_AGE} ;\n", "I do not know."], BY_AGE) == [
        True, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE singer",
        "DELETE FROM singer",
        "SELECT name FROM singer; DROP TABLE singer",
        "ATTACH DATABASE '/tmp/new' AS new",
        "PRAGMA writable_schema = 1",
        "SELECT load_extension('/tmp/x.so')",
        "SELECT readfile('/etc/passwd')",
        "CREATE TABLE new AS SELECT * FROM singer",
        "SELECT",
        "",
    ],
)
def test_what_is_no_reading_query_is_wrong(query: str) -> None:
    scores = _score([query], ALL)
    assert scores.per_item.tolist() == [0]
    assert scores.verdicts["reason"][0]


def test_a_query_without_end_is_ended() -> None:
    from tutelage.metrics.text_to_sql import ExecutionAccuracy
    from tutelage.sandbox import Limits

    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    huge = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    long = "SELECT hex(zeroblob(900000000))"
    metric = ExecutionAccuracy(limits=Limits(seconds=2))
    scores = metric.score([endless, huge, long], [as_references(SqlTask((ALL,), SCHEMA))] * 3)
    assert scores.verdicts["outcome"] == ["timeout", "failed", "failed"]
    with pytest.raises(UserError, match="the right query takes more than 2 seconds"):
        metric.score(["SELECT 1"], [as_references(SqlTask((endless,), SCHEMA))])


def test_a_file_is_read_and_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "concerts.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(SCHEMA)
    connection.close()
    file.chmod(0o644)
    before = file.read_bytes()
    answers = [ALL, "SELECT name, id FROM singer", "DELETE FROM singer"]
    assert _score(answers, ALL, database=str(file)).per_item.tolist() == [1, 0, 0]
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


ROWS = st.integers(0, 3).flatmap(
    lambda width: st.lists(st.tuples(*[st.sampled_from([0, 1, None])] * width), max_size=4)
)


@given(ROWS, ROWS, st.booleans(), st.randoms())
def test_results_are_the_same_where_some_order_of_columns_makes_them_so(
    wanted: Rows, other: Rows, ordered: bool, chance: Random
) -> None:
    width = len(wanted[0]) if wanted else 0
    order = chance.sample(range(width), width)
    shuffled = [tuple(row[place] for place in order) for row in wanted]
    if not ordered:
        chance.shuffle(shuffled)
    assert same(wanted, shuffled, ordered=ordered)
    assert same(wanted, other, ordered=ordered) is _naively_same(wanted, other, ordered)


def _naively_same(wanted: Rows, found: Rows, ordered: bool) -> bool:
    if not wanted or not found:
        return wanted == found
    if len(wanted[0]) != len(found[0]):
        return False
    kept = list if ordered else lambda rows: sorted(rows, key=repr)
    return any(
        kept([tuple(row[place] for place in order) for row in found]) == kept(wanted)
        for order in permutations(range(len(wanted[0])))
    )


def test_any_of_several_right_queries_will_do() -> None:
    task = SqlTask((BY_AGE, "SELECT count(*) FROM singer"), SCHEMA)
    metric = METRICS.get("execution_accuracy")
    scores = metric.score(["SELECT 3", "SELECT 4"], [as_references(task)] * 2)
    assert scores.per_item.tolist() == [1, 0]


def test_what_cannot_be_scored_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such table: concerts"):
        _score([ALL], "SELECT * FROM concerts")
    with pytest.raises(UserError, match="not there"):
        _score([ALL], ALL, database=str(tmp_path / "missing.sqlite"))
    with pytest.raises(UserError, match="needs a database"):
        METRICS.get("execution_accuracy").score(["a"], [["a plain reference"]])


@pytest.mark.parametrize(
    ("query", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a LIMIT 1", True),
        ("SELECT a FROM t ORDER\n  by a", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a)", False),
        ("SELECT a FROM t WHERE b = 'ORDER BY (' -- order by", False),
        ('SELECT "order by" FROM t', False),
        ("SELECT a FROM t WHERE b IN (SELECT max(c) FROM u) ORDER BY lower(a)", True),
    ],
)
def test_order_is_that_of_the_query_itself(query: str, ordered: bool) -> None:
    assert orders_its_rows(query) is ordered
