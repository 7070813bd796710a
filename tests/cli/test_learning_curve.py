"""A learning curve by the real command on a tiny model: trained, killed, continued, asked, read."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from commands import Commands, Finished
from tutelage.errors import UserError
from tutelage.pipeline.subsets import planned
from tutelage.recipe import load
from tutelage.report.learning_curve import headline, render
from tutelage.rundir import RunFolder, TrainLog, read_json

PLAN = ["--sizes", "8,12,18,1", "--seeds", "2", "--set", "train.epochs=4"]
FEW = ["--set", "train.batch_size=4"]


@pytest.fixture(scope="module")
def measured(
    project: Path, command: Commands, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Finished]:
    """A finished learning curve of 4 sizes x 2 seeds, and what the command said."""
    out = tmp_path_factory.mktemp("curve") / "out"
    words = ("learning-curve", "recipe.yaml", *PLAN, *FEW, "--out", out, "--json")
    said = command(*words, cwd=project)
    assert said.code == 0, said.err
    return out, said


def test_every_run_trains_on_its_subset_and_validates_on_the_same(
    measured: tuple[Path, Finished],
) -> None:
    out, said = measured
    state = said.json()
    assert state == read_json(out / "learning_curve.json")
    assert state["available"] == 30
    found = [(run["examples"], run["seed"], run["steps"]) for run in state["runs"]]
    # Four passes at four examples a step, whatever the size.
    steps = {8: 8, 12: 12, 18: 20, 30: 32}
    assert found == [(size, seed, steps[size]) for seed in (0, 1) for size in steps]
    for run in state["runs"]:
        folder = RunFolder.open(out / "trials" / run["name"])
        data = read_json(folder.metrics)["data"]
        assert data["splits"] == {"train": run["examples"], "validation": 6, "test": 24}
        left_out = {row["reason"]: row["count"] for row in data["reasons"]}
        assert left_out.get("not_sampled", 0) == 30 - run["examples"]
        losses = [row["loss"] for row in TrainLog(folder.log).rows("validation")]
        assert run["loss"] == min(losses) and len(losses) >= 4
    seeds = {load(folder).recipe.train.seed for folder in (out / "recipes").iterdir()}
    assert seeds == {0, 1}


def test_a_learning_curve_goes_on_from_whatever_a_kill_left(
    measured: tuple[Path, Finished], project: Path, command: Commands, tmp_path: Path
) -> None:
    """The last run had a checkpoint and no figures."""
    out = Path(shutil.copytree(measured[0], tmp_path / "out"))
    whole = measured[1].json()
    names = [run["name"] for run in whole["runs"]]
    (out / "trials" / names[-1] / "metrics.json").unlink()
    sweep = read_json(out / "sweep.json")
    sweep["trials"][-1] |= {"status": "waiting", "steps": 0, "losses": [], "training": None}
    (out / "sweep.json").write_text(json.dumps(sweep), encoding="utf-8")
    begun = {"schema": 1, "available": 30, "curve": None}
    (out / "learning_curve.json").write_text(json.dumps(begun), encoding="utf-8")
    again = command("learning-curve", out, "--resume", "--json", cwd=project)
    assert again.json()["curve"] == whole["curve"]
    assert len(re.findall(r"trial \d of 8", again.err)) == 1


def test_another_number_is_asked_for_without_training_and_too_large_a_one_is_refused(
    measured: tuple[Path, Finished], project: Path, command: Commands
) -> None:
    out = measured[0]
    said = command("learning-curve", out, "--resume", "--at", "121", cwd=project)
    assert said.code == 2 and "of 120 at most" in said.err and "trial" not in said.err
    said = command("learning-curve", out, "--resume", "--at", "30", cwd=project)
    assert said.code == 2 and "up to 30" in said.err
    said = command("learning-curve", out, "--resume", "--at", "45", cwd=project)
    assert said.code == 0 and not re.search(r"trial \d of 8", said.err)
    assert "Fitted without the 30 examples" in said.out
    state = read_json(out / "learning_curve.json")
    # A thousand more would be 34 times the largest subset: nobody is told what that would buy.
    asked = [one["examples"] for one in state["curve"]["forecasts"]]
    assert asked in ([45, 60, 120], [])


def told(state: dict[str, Any], verdict: str) -> dict[str, Any]:
    curve = state["curve"] | {"verdict": verdict}
    return state | {"curve": curve | ({} if verdict == "falling" else {"forecasts": []})}


def test_no_number_where_the_curve_is_not_to_be_believed(
    measured: tuple[Path, Finished], tmp_path: Path
) -> None:
    state = measured[1].json()
    largest = state["curve"]["drawn"][-1]
    one = {"examples": 60, "loss": largest["loss"], "fall": largest["fall"]}
    state["curve"]["forecasts"] = [one]
    pages = {}
    for verdict in ("falling", "flat", "refuted", "vague"):
        shown = told(state, verdict)
        page = pages[verdict] = render(shown, tmp_path)
        assert headline(shown) in page.replace("&#39;", "'")
        assert ("Foretold" in page) == (verdict == "falling") == ("foretold →" in page)
        assert page.count("<svg") == 2 and "<script" not in page
        for drawing in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
            dots = [e for e in ElementTree.fromstring(drawing).iter() if e.tag.endswith("circle")]
            assert len(dots) == 8
    assert "flat" in pages["flat"] and "No number" in pages["refuted"]


@pytest.mark.slow
def test_a_killed_learning_curve_goes_on_to_the_same_curve(
    measured: tuple[Path, Finished], project: Path, command: Commands, tmp_path: Path
) -> None:
    """Killed with all its processes while the third run trains."""
    words = ["learning-curve", "recipe.yaml", *PLAN, *FEW, "--out", str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tutelage", *words],
        cwd=project,
        env=environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    log = tmp_path / "out" / "trials" / measured[1].json()["runs"][2]["name"] / "log.jsonl"
    deadline = time.monotonic() + 120
    while not log.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert log.exists()
    again = command("learning-curve", tmp_path / "out", "--resume", "--json", cwd=project)
    assert again.json()["curve"] == measured[1].json()["curve"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "1"], "--seeds"),
        (["--sizes", "0.5,1"], "at least 4 different sizes"),
        (["--sizes", "0.5,1,x,y"], "--sizes"),
        (["--sizes", "0.1,0.2,0.5,1.5"], "whole numbers"),
        (["--set", "data.validation=0"], "data.validation"),
        (["--set", "data.subset.examples=10"], "data.subset.examples"),
    ],
)
def test_what_makes_no_curve_is_told_before_anything_is_prepared(
    words: list[str], said: str, project: Path, command: Commands, tmp_path: Path
) -> None:
    ended = command("learning-curve", "recipe.yaml", *words, "--out", tmp_path / "out", cwd=project)
    assert ended.code == 2 and said in ended.err, ended.err
    assert "preparing" not in ended.err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("sizes", "settings", "said"),
    [
        ([0.01, 0.02, 0.5, 1], [], "3 different sizes"),
        ([8, 12, 18, 31], [], "of 30 training examples"),
        ([2, 8, 12, 1], ["train.epochs=2"], "raise train.epochs, or lower train.batch_size"),
        ([8, 12, 18, 1], ["train.max_steps=6"], "raise train.max_steps"),
        ([8, 12, 18, 1], ["data.mixture.tasks={add: {examples: 90}}"], "with 8 training examples"),
    ],
)
def test_what_no_run_could_do_is_told_before_any_is_trained(
    sizes: list[float], settings: list[str], said: str, project: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as told:
        planned(str(project / "recipe.yaml"), settings, str(tmp_path), sizes, 2)
    assert said in str(told.value)


def test_rows_that_are_lost_are_a_share_of_all_and_not_of_a_subset(
    own_project: Path, tmp_path: Path
) -> None:
    with (own_project / "data.jsonl").open("a") as stream:
        stream.write("no row\n")
    recipe, plan = str(own_project / "recipe.yaml"), ([8, 12, 18, 1], 2)
    _, found = planned(recipe, ["data.max_lost=0.02"], str(tmp_path), *plan)  # 1 of 61
    assert len(found) == 8
    with pytest.raises(UserError, match="1 of 61 rows are lost"):
        planned(recipe, ["data.max_lost=0.01"], str(tmp_path), *plan)


def test_a_run_of_so_many_steps_has_them_divided_by_size(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["train.max_steps=16"]
    available, found = planned(
        str(project / "recipe.yaml"), settings, str(tmp_path), [0.25, 0.5, 0.75, 1], 2
    )
    assert available == 30 and [one.examples for one in found] == [8, 15, 22, 30] * 2
    # At eight examples a step and ten passes a run of eight examples has no more than ten steps.
    assert [one.steps for one in found] == [5, 8, 12, 16] * 2
    assert "note: 6 validation examples are few" in capsys.readouterr().err
