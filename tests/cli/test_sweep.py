"""A sweep by the real command on a tiny model: halved, killed, continued, read."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from commands import Commands, Finished
from tutelage.recipe import load
from tutelage.report.figures.tradeoff import Point, tradeoff
from tutelage.rundir import RunFolder, TrainLog, held, read_json

OVER = ["--over", "method=full,lora", "--over", "train.learning_rate=1e-2,1e-5"]
QUICK = ["--set", "train.epochs=8"]
MEASURED = {"seconds", "peak_memory_bytes"}


def table(state: dict[str, Any]) -> list[Any]:
    """What came of each trial, without what a clock or the machine says."""
    rows = []
    for trial in state["trials"]:
        row = {key: value for key, value in trial.items() if key not in MEASURED}
        if row["training"]:
            row["training"] = {k: v for k, v in row["training"].items() if k not in MEASURED}
        rows.append(row)
    return rows


@pytest.fixture(scope="module")
def swept(
    project: Path, command: Commands, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Finished]:
    """A finished sweep of 2 x 2 trials, and what the command said."""
    out = tmp_path_factory.mktemp("sweep") / "out"
    said = command("sweep", "recipe.yaml", *OVER, *QUICK, "--out", out, "--json", cwd=project)
    assert said.code == 0, said.err
    return out, said


def test_losers_are_stopped_and_the_winner_trains_to_its_end(
    swept: tuple[Path, Finished],
) -> None:
    out, said = swept
    state = said.json()
    assert state == read_json(out / "sweep.json")
    # 30 examples, 8 a step: 32 steps, looked at after 8 and 16.
    assert [trial["rungs"] for trial in state["trials"]] == [[8, 16, 32]] * 4
    assert sorted(trial["steps"] for trial in state["trials"]) == [8, 8, 16, 32]
    assert sorted(trial["status"] for trial in state["trials"]) == ["finished", *["stopped"] * 3]
    first = [trial["losses"][0] for trial in state["trials"]]
    went_on = {at for at, trial in enumerate(state["trials"]) if trial["steps"] > 8}
    assert went_on == set(sorted(range(4), key=lambda at: first[at])[:2])
    (winner,) = (trial for trial in state["trials"] if trial["status"] == "finished")
    assert state["best"] == winner["name"]
    assert winner["settings"]["train.learning_rate"] == "1e-2"
    for trial in state["trials"]:
        run = RunFolder.open(out / "trials" / trial["name"])
        losses = [row["loss"] for row in TrainLog(run.log).rows("validation")]
        assert trial["losses"][-1] == min(losses)
        assert trial["peak_memory_bytes"] > 0


def test_every_trial_is_a_run(
    swept: tuple[Path, Finished], command: Commands, project: Path, tmp_path: Path
) -> None:
    out, said = swept
    state = said.json()
    winner = out / "trials" / state["best"]
    alone = command(
        *("train", out / "recipes" / f"{state['best']}.yaml", "--out", tmp_path / "alone"),
        cwd=project,
    )
    assert alone.code == 0, alone.err
    # Stopped at two rungs and continued, it is the run that was never stopped, bit for bit.
    weights = [next((run / "model").glob("*.safetensors")) for run in (winner, tmp_path / "alone")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    (loser, *_) = (trial["name"] for trial in state["trials"] if trial["status"] == "stopped")
    copied = shutil.copytree(out / "trials" / loser, tmp_path / "loser")
    assert command("train", copied, "--resume", cwd=project).code == 0
    assert read_json(copied / "metrics.json")["training"]["steps"] == 32


def test_a_sweep_goes_on_from_whatever_a_kill_left(
    swept: tuple[Path, Finished], project: Path, command: Commands, tmp_path: Path
) -> None:
    """The winner died after its checkpoint, before its figures; the last one was killed early."""
    whole = swept[1].json()
    out = Path(shutil.copytree(swept[0], tmp_path / "out"))
    names = [trial["name"] for trial in whole["trials"]]
    (out / "trials" / whole["best"] / "metrics.json").unlink()
    shutil.rmtree(out / "trials" / names[-1])
    blank = {"status": "waiting", "steps": 0, "losses": [], "training": None}
    trials = [trial | blank | {"peak_memory_bytes": None} for trial in whole["trials"]]
    trials[-1] |= {"status": "failed", "failure": "its process was killed"}
    state = whole | {"best": None, "trials": trials}
    (out / "sweep.json").write_text(json.dumps(state), encoding="utf-8")
    with held(out / "trials" / whole["best"]):
        busy = command("sweep", out, "--resume", cwd=project)
    assert busy.code == 2 and "another process" in busy.err
    kept = read_json(out / "sweep.json")
    assert [trial["status"] for trial in kept["trials"]].count("failed") == 1  # as it was
    assert kept["best"] is None  # some may yet be better
    again = command("sweep", out, "--resume", "--json", cwd=project)
    assert table(again.json()) == table(whole)
    assert len(re.findall(r"trial \d of 4", again.err)) == 2
    done = command("sweep", out, "--resume", "--json", cwd=project)
    assert table(done.json()) == table(whole)
    assert not re.search(r"trial \d of 4", done.err)  # nothing was left to do


@pytest.mark.slow
def test_a_killed_sweep_goes_on_to_the_same_table(
    swept: tuple[Path, Finished], project: Path, command: Commands, tmp_path: Path
) -> None:
    """Killed with all its processes while the second trial trains."""
    said = swept[1]
    words = ["sweep", "recipe.yaml", *OVER, *QUICK, "--out", str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tutelage", *words],
        cwd=project,
        env=environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    log = tmp_path / "out" / "trials" / said.json()["trials"][1]["name"] / "log.jsonl"
    deadline = time.monotonic() + 120
    while not log.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert log.exists()
    again = command("sweep", tmp_path / "out", "--resume", "--json", cwd=project)
    assert table(again.json()) == table(said.json())


class WellFormed(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_says_what_the_table_says(swept: tuple[Path, Finished]) -> None:
    out, said = swept
    page = (out / "sweep.html").read_text(encoding="utf-8")
    parser = WellFormed()
    parser.feed(page)
    assert parser.open == []
    assert page.count("<svg") == 2 and "<script" not in page and "Best of 4" in page
    for drawing in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        circles = [e for e in ElementTree.fromstring(drawing).iter() if e.tag.endswith("circle")]
        assert len(circles) == 3 * 4
        kinds = [circle.get("class") for circle in circles]
        assert kinds.count("point better") == 3 and kinds.count("base") == 9
        for circle in circles:
            assert 0 <= float(circle.get("cx", "-1")) <= 820
    for trial in said.json()["trials"]:
        assert f"{trial['losses'][-1]:.3f}" in page


@pytest.mark.parametrize("parameters", [0, 7, 3_000_000_000])
def test_a_figure_of_one_trial_or_of_equal_ones_is_drawn(parameters: int) -> None:
    point = Point(1, "<b>", 0.5, parameters, 0.0, 10**9, finished=True, best=True)
    for points in ([point], [point, point]):
        for drawing in re.findall(r"<svg.*?</svg>", str(tradeoff(points)), re.DOTALL):
            assert "&lt;b&gt;" in drawing
            ElementTree.fromstring(drawing)


def test_a_trial_that_fails_does_not_end_the_sweep(
    own_project: Path, command: Commands, tmp_path: Path
) -> None:
    over = ["--over", "model.lora.alpha=8,1e38", "--set", "train.max_gradient_norm=null"]
    quick = ["--set", "train.epochs=2", "--budget", "16steps"]
    out = tmp_path / "out"
    said = command(
        "sweep", "recipe.yaml", *over, *quick, "--no-halving", "--out", out, cwd=own_project
    )
    assert said.code == 0, said.err
    good, bad = read_json(out / "sweep.json")["trials"]
    assert (good["status"], bad["status"]) == ("finished", "failed")
    assert "is not finite" in bad["failure"]
    assert good["rungs"] == [8]  # two passes are 8 steps, and 16 are for both
    assert load(out / "recipes" / f"{good['name']}.yaml").recipe.train.max_steps == 8
    assert "is not finite" in (out / "sweep.html").read_text(encoding="utf-8")


def test_what_is_impossible_is_told_before_anything_runs(
    own_project: Path, command: Commands, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def refused(*words: str) -> str:
        said = command("sweep", "recipe.yaml", "--out", out, *words, cwd=own_project)
        assert said.code == 2 and not out.exists()
        return said.err

    assert "2 of 4 combinations are impossible" in refused(
        *("--over", "method=full,lora", "--over", "lora.rank=4,8")
    )
    # Only the model itself shows that this one cannot be.
    assert "no_such_layer" in refused("--over", "lora.target_modules=all-linear,[no_such_layer]")
    assert "data.validation" in refused(*OVER, "--set", "data.validation=0")
    # The only row that was set aside to validate with is too long.
    long = {"task": "long", "instruction": "Say it. " * 100, "input": "", "output": "it"}
    (own_project / "long.jsonl").write_text(json.dumps(long) + "\n")
    lost = ("--set", "data.validation=[long.jsonl]", "--set", "prompt.over_long=drop")
    assert "no examples are left for it" in refused(
        *("--over", "method=lora"), *lost, *("--set", "data.max_lost=0.5")
    )
    assert "--budget" in refused(*OVER, "--budget", "soon")
    assert "--over" in refused()
    (own_project / "sweep.json").write_text(json.dumps({}))
    said = command("sweep", own_project, "--resume", cwd=own_project)
    assert said.code == 2 and "schema" in said.err
    other = command("eval", own_project, cwd=own_project)
    assert other.code == 2 and "found a sweep" in other.err
