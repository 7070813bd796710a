"""What runs and evaluations of suites write is what the shipped schemas say, key by key."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from commands import Commands
from tiny_project import Tuned
from tutelage.pipeline.schemas import Name, file_of
from tutelage.pipeline.schemas.generate import TYPES, schema_of

pytestmark = pytest.mark.parametrize("tuned", ["lora"], indirect=True)

OWN = '{"prompt": "1 and 1", "response": "2"}\n{"prompt": "2 and 1", "response": "3"}\n'


def errors(name: Name, value: Any) -> list[str]:
    schema = json.loads(file_of(name).read_bytes())
    found = jsonschema_rs.Draft202012Validator(schema).iter_errors(value)
    return [f"{list(error.instance_path)}: {error.message}" for error in found]


def stored(path: Path) -> Any:
    return json.loads(path.read_bytes())


@pytest.fixture(scope="module")
def asked(tuned: Tuned, command: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the run, asked one suite; another one was skipped for want of its data."""
    folder = tmp_path_factory.mktemp("asked")
    shutil.copytree(tuned.folder.path, folder / "run")
    (folder / "own.jsonl").write_text(OWN)
    said = command("eval", "run", "--suite", "own", "--suite", "mmlu", *suites(folder), cwd=folder)
    assert said.code == 0, said.err
    return folder


def suites(folder: Path) -> tuple[str, str]:
    own = f"{{suite: dataset, name: own, data: {folder}/own.jsonl, max_new_tokens: 2}}"
    return ("--set", f"evaluate.suites=[{own}]")


def test_the_shipped_schemas_are_those_of_the_types(tuned: Tuned) -> None:
    for name in TYPES:
        said = "run `python -m tutelage.pipeline.schemas.generate src/tutelage/pipeline/schemas`"
        assert stored(file_of(name)) == schema_of(name), said
        jsonschema_rs.meta.validate(schema_of(name))


def test_every_figure_is_described(tuned: Tuned) -> None:
    """Those of a docstring's list; keys that speak for themselves are in lists of their own."""
    plain = {"Counts", "Reason", "SplitCounts", "FailedItem", "Effect", "Outcome", "Verdict"}
    for name in TYPES:
        schema = schema_of(name)
        for title, part in {name: schema, **schema["$defs"]}.items():
            if title in plain | {"SuiteValue"}:
                continue
            silent = [key for key, one in part["properties"].items() if "description" not in one]
            assert not silent, (title, silent)


def test_a_run_writes_what_the_schema_says(tuned: Tuned) -> None:
    metrics = stored(tuned.folder.metrics)
    assert metrics["schema"] == 1
    assert errors("metrics", metrics) == []
    # As it stands after training alone.
    done = ("name", "model", "training", "mixture", "data", "cost", "schema")
    assert errors("metrics", {name: metrics[name] for name in done}) == []


def keys_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all keys of objects that are no tables of names."""
    for key, below in value.items() if isinstance(value, dict) else ():
        if key not in ("tasks", "details", "effects", "predicted_memory_parts"):
            yield (*path, key)
            yield from keys_of(below, (*path, key))
    for at, below in enumerate(value[:1] if isinstance(value, list) else ()):
        yield from keys_of(below, (*path, at))


def test_a_figure_with_another_name_is_found(tuned: Tuned) -> None:
    metrics = stored(tuned.folder.metrics)
    places = list(keys_of(metrics))
    assert len(places) > 60
    for *above, last in places:
        spoilt = copy.deepcopy(metrics)
        part = spoilt
        for key in above:
            part = part[key]
        part[f"{last}_"] = part.pop(last)
        assert errors("metrics", spoilt), (*above, last)


def test_suites_of_a_run_write_what_the_schemas_say(asked: Path) -> None:
    results = stored(asked / "run/suites/results.json")
    assert {one["status"] for one in results["suites"]} == {"run", "skipped"}
    assert results["measures"]
    assert errors("results", results) == []
    assert errors("metrics", stored(asked / "run/metrics.json")) == []
    assert errors("results", results | {"measures": [{"suite": "own"}]})
    assert errors("results", results | {"schema": 2})


def test_so_do_those_of_one_model_and_comparisons(
    asked: Path, tiny_base: Path, command: Commands
) -> None:
    alone = ("eval", tiny_base, "--suite", "own", *suites(asked), "--out", "alone")
    assert command(*alone, cwd=asked).code == 0
    assert stored(asked / "alone/results.json")["models"].keys() == {"model"}
    assert errors("results", stored(asked / "alone/results.json")) == []
    assert command("compare", "run/suites/base", "run", "--out", "two", cwd=asked).code == 0
    assert errors("results", stored(asked / "two/run/results.json")) == []


@pytest.mark.parametrize("name", list(TYPES))
def test_the_schema_is_printed(tuned: Tuned, command: Commands, name: Name) -> None:
    assert command("schema", name, cwd=tuned.project).json() == schema_of(name)
