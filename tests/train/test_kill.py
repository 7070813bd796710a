"""`tutelage train`, killed with SIGKILL anywhere and resumed, ends with the same bytes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_loop import log_rows

import tiny_models

KILLABLE = Path(__file__).with_name("killable.py")
RECIPES = {
    "lora": """
model: {base: base, method: lora, precision: float32, device: cpu, lora: {rank: 4, dropout: 0.2}}
""",
    "full": """
model: {base: base, method: full, precision: float32, device: cpu}
""",
}
REST = """
data: {train: rows.jsonl, validation: 4, test: 0}
train: {epochs: 2, batch_size: 4, micro_batch_tokens: 64, learning_rate: 0.01, threads: THREADS,
        checkpoint_every: 1, validate_every: 3}
evaluate: {general_text: null}
"""
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
SHAPE = {"hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 3}
"""Large enough that writing a checkpoint of `full` takes about as long as a step."""


class Killable:
    """Starts `tutelage` commands that can be killed."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self._process = subprocess.Popen(
            [sys.executable, str(KILLABLE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )

    def run(self, *arguments: str | Path, kill: Callable[[], None] | None = None) -> int:
        """Run a command; with `kill`, kill it when that returns. Gives the exit code."""
        command = {"arguments": [str(a) for a in arguments], "output": str(self.output)}
        child = int(self._ask(json.dumps(command)))
        try:
            if kill is not None:
                kill()
                os.kill(child, signal.SIGKILL)
        finally:
            code = int(self._ask(""))
        return code

    def _ask(self, line: str) -> str:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def said(self) -> str:
        return self.output.read_text()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture(scope="module")
def tutelage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killable]:
    killable = Killable(tmp_path_factory.mktemp("output") / "said")
    assert killable.run("--version") == 0  # by now it is warm
    yield killable
    killable.close()


class Project:
    """A recipe with its data, and the run that nobody killed."""

    def __init__(self, folder: Path, method: str, tutelage: Killable) -> None:
        self.folder = folder
        self.tutelage = tutelage
        tiny_models.save_folder(folder / "base", **SHAPE)
        rows = [
            {"instruction": f"Say {word} {n} times.", "input": "", "output": " ".join([word] * n)}
            for word in ("cat", "dog", "mat", "log")
            for n in range(1, 6)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "rows.jsonl").write_text(text)
        self.recipe = folder / "recipe.yaml"
        threads = "2" if method == "full" else "1"
        self.recipe.write_text(RECIPES[method] + REST.replace("THREADS", threads))
        started = time.monotonic()
        assert tutelage.run("train", self.recipe, "--out", folder / "whole") == 0, tutelage.said()
        self.seconds = time.monotonic() - started
        self.expected = self.result(folder / "whole")

    @staticmethod
    def result(run: Path) -> dict[str, object]:
        """What must be equal: the model's files, byte for byte, and the log."""
        files = {path.name: path.read_bytes() for path in (run / "model").iterdir()}
        assert any(name.endswith(".safetensors") for name in files)
        return {**files, "log": log_rows(run)}

    def start(self, run: Path, kill: Callable[[], None] | None = None) -> int:
        """Begin the run, or continue it if there is something to continue."""
        if (run / "recipe.yaml").exists():
            return self.tutelage.run("train", run, "--resume", kill=kill)
        return self.tutelage.run("train", self.recipe, "--out", run, kill=kill)

    def finish(self, run: Path) -> None:
        assert self.start(run) == 0, self.tutelage.said()
        assert self.result(run) == self.expected
        assert not list(run.rglob(".*"))
        training = json.loads((run / "metrics.json").read_text())["training"]
        assert training["steps"] == 8


@pytest.fixture(scope="module", params=sorted(RECIPES))
def project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tutelage: Killable
) -> Project:
    return Project(tmp_path_factory.mktemp(request.param), request.param, tutelage)


def killed_at_random(project: Project, run: Path, draw: random.Random, kills: int) -> None:
    """Kill a run at `kills` random moments, then let it finish.

    A run that ends before its moment (the machine may have become faster since it was timed) is
    compared, and begun again with that moment as the latest.
    """
    latest, hit = project.seconds, 0
    while hit < kills:
        moment = draw.uniform(0, latest)
        if project.start(run, lambda m=moment: time.sleep(m)) == -signal.SIGKILL:
            hit += 1
        else:
            project.finish(run)
            shutil.rmtree(run)
            latest, hit = moment, 0
    project.finish(run)


def when(condition: Callable[[], object], seconds: float = 30) -> Callable[[], None]:
    """Return as soon as a condition holds."""

    def wait() -> None:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            pass

    return wait


def test_killed_at_random_moments(project: Project, tmp_path: Path) -> None:
    killed_at_random(project, tmp_path / "run", random.Random(time.time_ns()), 3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_many_random_moments(project: Project, tmp_path: Path) -> None:
    draw = random.Random(time.time_ns())
    for n in range(40):
        killed_at_random(project, tmp_path / str(n), draw, n % 6 + 1)


def test_killed_while_a_checkpoint_is_written(project: Project, tmp_path: Path) -> None:
    run, torn = tmp_path / "run", 0
    for step in (1, 2, 8):
        unfinished = run / "checkpoints" / f".unfinished-step-{step:06d}"
        project.start(run, when(lambda path=unfinished: os.path.exists(path)))  # noqa: PTH110
        torn += unfinished.exists()
    assert torn > 0
    project.finish(run)


def test_killed_before_the_first_checkpoint(project: Project, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert project.start(run, when((run / "log.jsonl").exists)) == -signal.SIGKILL
    assert not list(run.glob("checkpoints/step-*"))
    project.finish(run)


def test_killed_while_the_model_is_saved(project: Project, tmp_path: Path) -> None:
    for attempt in range(5):  # it takes 50 ms, so the first should do
        run = tmp_path / str(attempt)
        unfinished = run / ".unfinished-model"
        project.start(run, when(lambda path=unfinished: os.path.exists(path)))  # noqa: PTH110
        torn = unfinished.exists()
        project.finish(run)
        if torn:
            return
    pytest.fail("never killed in time")


def test_resuming_a_finished_run_ends_well(project: Project) -> None:
    run = project.folder / "whole"
    before = (run / "metrics.json").read_bytes()
    project.finish(run)
    training = [
        json.loads(text)["training"] for text in (before, (run / "metrics.json").read_bytes())
    ]
    for side in training:
        side.pop("peak_memory_bytes")
    assert training[0] == training[1]


def change_data(folder: Path) -> None:
    with (folder / "rows.jsonl").open("a") as file:
        file.write('{"instruction": "Say more.", "input": "", "output": "more"}\n')


def change_recipe(folder: Path) -> None:
    recipe = folder / "whole" / "recipe.yaml"
    text = recipe.read_text()
    assert "epochs: 2" in text
    recipe.write_text(text.replace("epochs: 2", "epochs: 3"))


def change_model(folder: Path) -> None:
    tiny_models.save_folder(folder / "base", **SHAPE, rms_norm_eps=1e-3)


def test_a_changed_run_is_not_resumed(tutelage: Killable, tmp_path: Path) -> None:
    """And nothing in its folder is touched."""
    project = Project(tmp_path, "lora", tutelage)
    made = contents(tmp_path)
    for change in (change_data, change_recipe, change_model):
        change(tmp_path)
        before = contents(tmp_path)
        assert before != made
        assert project.start(tmp_path / "whole") == 2
        assert "other data, another model or other settings" in tutelage.said()
        assert "Traceback" not in tutelage.said()
        assert contents(tmp_path) == before
        for path, content in made.items():
            path.write_bytes(content)
        assert contents(tmp_path) == made
    project.finish(tmp_path / "whole")


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_the_installed_command_is_killed(project: Project, tmp_path: Path) -> None:
    """The same without the warm process: as a person runs it."""
    tutelage = Path(sys.executable).with_name("tutelage")
    run = tmp_path / "run"
    process = subprocess.Popen([tutelage, "train", project.recipe, "--out", run], env=ENVIRONMENT)
    when((run / "checkpoints" / "step-000003").exists, 120)()
    process.kill()
    assert process.wait() == -signal.SIGKILL
    subprocess.run([tutelage, "train", run, "--resume"], check=True, env=ENVIRONMENT)
    assert Project.result(run) == project.expected
