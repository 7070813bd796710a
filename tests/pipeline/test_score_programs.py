"""`tutelage score` of programs and of queries."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from isolation import needs_isolation
from tutelage.errors import UserError
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.scoring import preflight
from tutelage.pipeline.score import score

pytestmark = needs_isolation

PROMPT = 'def double(x):\n    """Twice x."""\n'
TEST = "def check(candidate):\n    assert candidate(21) == 42\n"
RIGHT, WRONG = "    return 2 * x\n", "    return x\n"
HUMANEVAL = {"task_id": "T/0", "prompt": PROMPT, "test": TEST, "entry_point": "double"}
SCHEMA = "create table t (a, b); insert into t values (1, 2), (3, 4);"


def _file(folder: Path, *rows: object) -> Path:
    path = folder / "rows.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return path


def test_programs_of_both_forms_are_scored(tmp_path: Path) -> None:
    rows = [
        {**HUMANEVAL, "prediction": [RIGHT, WRONG]},
        {"test_list": ["assert area(3) == 9"], "prediction": ["def area(x): return x * x"] * 2},
    ]
    items = tmp_path / "items.jsonl"
    found = score(_file(tmp_path, *rows), ["pass_at_k"], items_out=items)["metrics"]["pass_at_k"]
    assert (found["value"], found["pass_at_1"], found["pass_at_2"]) == (0.75, 0.75, 1.0)
    assert set(found["intervals"]) == {"pass_at_1", "pass_at_2"}
    written = [orjson.loads(line) for line in items.read_bytes().splitlines()]
    assert [row["pass_at_k"] for row in written] == [0.5, 1.0]
    assert written[0]["outcomes"] == ["passed", "failed"]


def test_queries_are_scored(tmp_path: Path) -> None:
    row = {"references": ["SELECT b, a FROM t"], "schema": SCHEMA}
    rows = [{**row, "prediction": "SELECT a, b FROM t"}, {**row, "prediction": "SELECT a FROM t"}]
    found = score(_file(tmp_path, *rows), ["execution_accuracy"])
    assert found["metrics"]["execution_accuracy"]["value"] == 0.5


@pytest.mark.parametrize(
    ("metric", "row", "message"),
    [
        ("pass_at_k", {"prediction": RIGHT}, "'test' is missing"),
        ("pass_at_k", {**HUMANEVAL, "prediction": [RIGHT, 3]}, "expected a list of texts"),
        ("pass_at_k", {**HUMANEVAL, "prediction": []}, "an empty list"),
        ("pass_at_k", {"test_list": ["assert ("], "prediction": RIGHT}, "no Python"),
        ("pass_at_k", {**HUMANEVAL, "entry_point": "a b", "prediction": RIGHT}, "a name"),
        ("execution_accuracy", {"prediction": "SELECT 1", "references": ["SELECT 1"]}, "'schema'"),
        (
            "execution_accuracy",
            {"prediction": "SELECT 1", "references": "SELECT 1", "schema": ""},
            "a list of texts",
        ),
    ],
)
def test_rows_that_cannot_be_run_are_told(
    tmp_path: Path, metric: str, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as told:
        score(_file(tmp_path, row), [metric])
    assert message in str(told.value)
    assert "row 0" in str(told.value)
    assert told.value.fix


def test_a_recipe_that_names_them_is_told_before_anything_is_asked() -> None:
    options = EvaluateOptions(metrics=["pass_at_k"])
    with pytest.raises(UserError, match="has no tests"):
        preflight(options, ["code"])


def test_the_examples_of_the_page_are_true(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "code.md").read_text(encoding="utf-8")
    rows = [orjson.loads(row) for row in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    programs, queries = rows[:2], rows[2:]
    assert len(queries) == 1
    found = score(_file(tmp_path, *programs), ["pass_at_k"])["metrics"]["pass_at_k"]
    assert found["details"] == {"outcomes": {"passed": 3}}
    assert (
        score(_file(tmp_path, *queries), ["execution_accuracy"])["metrics"]["execution_accuracy"][
            "value"
        ]
        == 1
    )
    example = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert example is not None
    exec(example[1], {})
    assert "outcome='passed'" in capsys.readouterr().out
