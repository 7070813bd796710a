"""Ctrl-C: what was interrupted is told how it goes on, and does go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import Commands
from tutelage import recipe
from tutelage.cli import app
from tutelage.rundir import RunFolder, read_json

STEPS = 400


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["sweep", "recipe.yaml", "--over", "train.epochs=1,2", "--out", "s"],
            "tutelage sweep SWEEP --resume",
        ),
        (["learning-curve", "recipe.yaml", "--out", "c"], "tutelage learning-curve CURVE --resume"),
        (["eval", "run"], "the same command goes on"),
        (["check", "recipe.yaml"], "interrupted\n"),
    ],
)
def test_each_verb_says_how_it_goes_on(
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It comes while the verb is at work, so it passes through typer as a real one does."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["tutelage", *words])
    for module, name in (
        (recipe, "load"),
        (RunFolder, "open"),
        ("tutelage.pipeline.sweep", "sweep"),
        ("tutelage.pipeline.learning_curve", "learning_curve"),
    ):
        if isinstance(module, str):
            monkeypatch.setattr(f"{module}.{name}", interrupted)
        else:
            monkeypatch.setattr(module, name, interrupted)
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 130
    heard = capsys.readouterr().err
    assert heard.count("tutelage: interrupted") == 1
    assert said in heard


def test_a_run_that_is_interrupted_says_where_and_is_finished_by_run(
    own_project: Path, command: Commands, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    settings = (f"train.max_steps={STEPS}", "train.epochs=1000", "train.checkpoint_every=5")
    options = [word for setting in settings for word in ("--set", setting)]
    running = subprocess.Popen(
        [sys.executable, "-m", "tutelage", "run", "recipe.yaml", "--out", str(out), *options],
        cwd=own_project,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )
    deadline = time.monotonic() + 120
    while not list(out.glob("checkpoints/step-*")):
        assert running.poll() is None and time.monotonic() < deadline, running.communicate()
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, heard = running.communicate(timeout=60)
    assert running.returncode == 130, heard
    stopped = RunFolder.open(out).stopped()
    assert stopped is not None and stopped.startswith("after step ")
    goes_on = f"training stopped {stopped}; continue with `tutelage run {out} --resume`"
    assert f"tutelage: interrupted: {goes_on}" in heard
    assert heard.count("tutelage: interrupted") == 1

    for verb in (["chat", out], ["eval", out], ["export", out, "--out", tmp_path / "e"]):
        refused = command(*verb, cwd=own_project)
        assert refused.code == 2
        assert f"training was stopped {stopped}" in refused.err
        assert f"tutelage train {out} --resume" in refused.err
    taken = command("run", "recipe.yaml", "--out", out, cwd=own_project)
    assert taken.code == 2 and f"tutelage run {out} --resume" in taken.err

    done = command("run", out, "--resume", cwd=own_project)
    assert done.code == 0, done.err
    assert read_json(out / "metrics.json")["training"]["steps"] == STEPS
    assert (out / "report.html").is_file() and f"report: {out / 'report.html'}" in done.out

    model = {path: path.stat().st_mtime_ns for path in (out / "model").iterdir()}
    again = command("train", out, "--resume", cwd=own_project)
    assert again.code == 0 and "trained to its end before, 400 steps" in again.out
    assert model == {path: path.stat().st_mtime_ns for path in (out / "model").iterdir()}


@pytest.mark.parametrize(
    "words", [["run", "r", "--resume", "--out", "s"], ["run", "recipe.yaml"], ["run", "none", "-o"]]
)
def test_run_is_begun_or_continued(words: list[str], command: Commands, own_project: Path) -> None:
    said = command(*words, cwd=own_project)
    assert said.code == 2 and said.err


@pytest.mark.parametrize("there", [False, True])
def test_an_interruption_before_training_leaves_what_was_there(
    own_project: Path,
    there: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    out = own_project / "run"
    if there:
        out.mkdir()
        (out / "recipe.yaml").write_text("name: earlier\n", encoding="utf-8")
        os.utime(out / "recipe.yaml", (1, 1))
    monkeypatch.setattr("tutelage.pipeline.train.read", interrupted)
    words = ["train", str(own_project / "recipe.yaml"), "--out", str(out), "--overwrite"]
    monkeypatch.setattr(sys, "argv", ["tutelage", *words])
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 130
    heard = capsys.readouterr().err
    assert (f"the run in {out} is as it was" if there else "nothing is left of it") in heard
