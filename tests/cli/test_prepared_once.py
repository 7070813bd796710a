"""One command prepares the data, and the others take it from there, with the same results."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from commands import Commands
from tutelage.rundir import RunFolder, read_json

FOUND = "as it was prepared before"
READ = "reading the data"


def test_check_prepares_for_train_and_train_for_eval(
    own_project: Path, command: Commands, tmp_path: Path
) -> None:
    few = ("--set", "train.max_steps=2", "--set", "train.validate_every=2")
    cache = str(tmp_path / "cache")

    def run(*arguments: str | Path) -> str:
        said = command(*arguments, cwd=own_project, TUTELAGE_CACHE=cache)
        assert said.code == 0, said.err
        return said.err

    first = run("check", "recipe.yaml")
    assert READ in first and FOUND not in first
    trained = run("train", "recipe.yaml", "--out", "warm", *few)
    assert FOUND in trained and READ not in trained
    asked = run("eval", "warm")
    assert FOUND in asked and READ not in asked
    again = run("train", "recipe.yaml", "--out", "cold", *few, "--set", "data.cache=false")
    assert READ in again and FOUND not in again
    warm, cold = (RunFolder.open(own_project / name) for name in ("warm", "cold"))
    assert warm.ledger.read_bytes() == cold.ledger.read_bytes()
    for name in ("data", "training"):
        ours, theirs = (_figures(read_json(run.metrics)[name]) for run in (warm, cold))
        assert ours == theirs
    weights = [next(run.model.glob("*.safetensors")).read_bytes() for run in (warm, cold)]
    assert weights[0] == weights[1]


def _figures(values: dict[str, Any]) -> dict[str, Any]:
    """Those that say what was done, not how long it took and in which process."""
    return {key: value for key, value in values.items() if not re.search("second|memory", key)}
