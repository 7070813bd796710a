"""A mixture from recipe to report: what was asked for is drawn, accounted for and shown."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from commands import Commands
from tutelage.rundir import RunFolder, TrainLog, read_json

MIXTURE = "data.mixture={tasks: {add: {epochs: 3}, colour: {examples: 20}}}"
SETTINGS = (
    *("--set", MIXTURE),
    *("--set", "train.epochs=2"),
    *("--set", "data.holdout.tasks=[back*]"),
)


@pytest.fixture(scope="module")
def run(command: Commands, project: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("mixed") / "run"
    said = command("run", "recipe.yaml", "--out", out, *SETTINGS, cwd=project)
    assert said.code == 0, said.err
    return RunFolder.open(out)


def test_check_says_what_will_be_drawn(command: Commands, project: Path, run: RunFolder) -> None:
    said = command("check", "recipe.yaml", *SETTINGS, cwd=project)
    assert said.code == 0, said.err
    assert "mixture     proportional, 65 draws" in said.out
    assert "add: 69.2% of the draws, 3 passes over 15 examples" in said.out
    assert "colour: 30.8% of the draws, 1.33 passes over 15 examples" in said.out
    found = command("check", "recipe.yaml", *SETTINGS, "--json", cwd=project).json()
    assert found["mixture"] == read_json(run.metrics)["mixture"]


def test_what_each_task_gave_is_accounted_for(run: RunFolder) -> None:
    given = read_json(run.metrics)["mixture"]
    assert {task: part["drawn"] for task, part in given["tasks"].items()} == {
        "add": 45,
        "colour": 20,
    }
    ledger = pl.read_parquet(run.ledger)
    for task, part in given["tasks"].items():
        trained = ledger.filter(task=task, split="train")["trained"]
        assert trained.sum() == part["drawn"]
        assert (trained > 0).sum() == part["distinct"] == part["examples"]
        assert trained.max() - trained.min() <= 1  # whole passes
    assert ledger.filter(pl.col("split") != "train")["trained"].sum() == 0
    rows = TrainLog(run.log).rows("step")
    for counted in ("tokens", "supervised_tokens"):
        parts = sum(part[counted] for part in given["tasks"].values())
        assert parts == sum(row[counted] for row in rows)
    for task, part in given["tasks"].items():
        assert part["steps"] == sum(task in row["tasks"] for row in rows)


def test_the_report_shows_the_mixture_and_each_task(run: RunFolder) -> None:
    page = run.report.read_text(encoding="utf-8")
    assert "What each task gave (mixture: proportional)" in page
    assert 'id="task-curves-wide-title"' in page
    assert "Held-out tasks, never seen in training" in page
    last = TrainLog(run.log).rows("validation")[-1]
    assert set(last["tasks"]) == {"add", "colour"}


def test_another_mixture_is_another_run(command: Commands, run: RunFolder, tmp_path: Path) -> None:
    recipe = run.recipe.read_text(encoding="utf-8")
    run.recipe.write_text(recipe.replace("epochs: 3", "epochs: 4"), encoding="utf-8")
    said = command("train", run.path, "--resume", cwd=tmp_path)
    run.recipe.write_text(recipe, encoding="utf-8")
    assert said.code == 2
    assert "checkpoint" in said.err
