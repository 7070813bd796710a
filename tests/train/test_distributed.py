"""Two processes under torchrun end where one does: losses, weights, checkpoints and messages."""

from __future__ import annotations

import ast
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import shared_runs
import torch
from made_loop import log_rows
from safetensors.torch import load_file

import tiny_project
from commands import Commands
from tutelage.rundir import TrainLog, read_json
from tutelage.train.distribution import World

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2")


def torchrun(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join(str(Path(__file__).parents[n]) for n in (0, 1)),
    }
    return subprocess.run(
        [*TORCHRUN, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def interrupted(source: Path, target: Path) -> None:
    """A copy of a run as it was after three steps."""
    shutil.copytree(source, target)
    for checkpoint in (target / "checkpoints").iterdir():
        if checkpoint.name > "step-000003":
            shutil.rmtree(checkpoint)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Folders of the same runs, made by one process and by two."""
    folders = {n: tmp_path_factory.mktemp(f"by-{n}") for n in (1, 2)}
    for name in shared_runs.RUNS:
        shared_runs.finish(folders[1], name)
        if name.startswith("continued"):
            interrupted(folders[1] / name, folders[2] / name)
    (folders[2] / "counted").mkdir()
    done = torchrun(shared_runs.__file__, folders[2], cwd=folders[2])
    assert done.returncode == 0, done.stderr
    return folders


def nearly(value: Any, within: float) -> Any:
    """What nearly equals a value of the log."""
    if isinstance(value, dict):
        return {key: nearly(inner, within) for key, inner in value.items()}
    return pytest.approx(value, rel=within, abs=within) if isinstance(value, float) else value


def compare(first: Path, second: Path, name: str) -> None:
    """The logs of two runs and their weights are equal to 1e-5.

    But validation losses in bfloat16: weights that differ by 1.5e-8, as those after a step whose
    gradient norm was added up in another order do, round an activation to its neighbour, 2**-8
    away. One of 8 losses differed by 2.3e-4 on one of our machines.
    """
    rows = [log_rows(folder / name) for folder in (first, second)]
    assert len(rows[0]) == len(rows[1]) > 8
    for one, two in zip(*rows, strict=True):
        rounded = name == "bfloat16" and one["event"] == "validation"
        assert two == nearly(one, 2e-3 if rounded else 1e-5)
    for kept in (first / name / "checkpoints").glob("step-*"):
        beside = second / name / "checkpoints" / kept.name
        if beside.exists():  # one that is continued begins later
            states = [load_file(folder / "state.safetensors") for folder in (kept, beside)]
            for key, state in states[0].items():
                torch.testing.assert_close(states[1][key], state, rtol=0, atol=1e-5)
    saved = [load_file(folder / f"{name}.safetensors") for folder in (first, second)]
    assert saved[0].keys() == saved[1].keys()
    for key, weight in saved[0].items():
        torch.testing.assert_close(saved[1][key], weight, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", shared_runs.RUNS)
def test_two_processes_equal_one(runs: dict[int, Path], name: str) -> None:
    """Those that are continued began with one process."""
    norms = [row["gradient_norm"] for row in TrainLog(runs[2] / name / "log.jsonl").rows("step")]
    assert name == "bfloat16" or max(norms) > 0.5  # so it was clipped
    compare(runs[1], runs[2], name)


@pytest.mark.parametrize("name", ["lora", "full", "bfloat16"])
def test_a_checkpoint_of_two_processes_is_one_of_one(
    runs: dict[int, Path], tmp_path: Path, name: str
) -> None:
    step = f"{name}/checkpoints/step-000003"
    one, two = (load_file(runs[n] / step / "state.safetensors") for n in (1, 2))
    assert {key: (value.shape, value.dtype) for key, value in one.items()} == {
        key: (value.shape, value.dtype) for key, value in two.items()
    }
    interrupted(runs[2] / name, tmp_path / name)
    shared_runs.finish(tmp_path, name)
    compare(runs[1], tmp_path, name)


def test_a_head_is_gathered_once_a_pass(runs: dict[int, Path]) -> None:
    """However many chunks its loss has: each layer twice, the rest once; gradients once each."""
    layers = 2
    counts = ast.literal_eval((runs[2] / "counts.txt").read_text())
    assert counts == {
        "_allgather_base_": 2 * layers + 1,
        "_reduce_scatter_base_": layers + 1,
        "allgather_": 1,  # of the loss
    }


class Place(World):
    """A process that exists only in thought."""

    def __init__(self, rank: int, size: int) -> None:
        super().__init__()
        self.rank, self.size = rank, size


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("costs", [[5], [3, 9, 4], [1, 1, 7, 2, 7, 3, 3], list(range(1, 17))])
def test_packs_are_shared_out_evenly(costs: Sequence[int], size: int) -> None:
    shares = [list(Place(rank, size).share(costs, cost=int)) for rank in range(size)]
    assert {len(share) for share in shares} == {math.ceil(len(costs) / size)}
    computed = [place for share in shares for place, _ in share if place is not None]
    assert sorted(computed) == list(range(len(costs)))
    for share in shares:
        for place, cost in share:
            assert cost == (min(costs) if place is None else costs[place])
    if size > 1:  # no pack waits for one that could have been computed with a longer one
        together = list(zip(*shares, strict=True))
        shortest = [min(cost for _, cost in each) for each in together]
        longest = [max(cost for _, cost in each) for each in together]
        assert all(here >= there for here, there in zip(shortest, longest[1:], strict=False))


@pytest.fixture
def project(tmp_path: Path, tiny_base: Path) -> Path:
    return tiny_project.write_project(tmp_path / "project", tiny_base)


def test_the_command_under_torchrun(project: Path, command: Commands) -> None:
    """What two processes leave is what one leaves, and one can go on from there."""
    chosen = ("epochs=2", "micro_batch_tokens=64", f"epsilon={shared_runs.EPSILON}")
    settings = [f"--set=train.{setting}" for setting in chosen]
    brief = ["--set=evaluate.max_items=1", "--set=evaluate.general_text=null"]
    run = ("-m", "tutelage", "run", "recipe.yaml", "--out", "two")
    done = torchrun(*run, *settings, *brief, cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("report: ") == done.stderr.count("… loading") == 1
    alone = command("train", "recipe.yaml", "--out", "one", *settings, cwd=project)
    assert alone.code == 0, alone.err
    one, two = (
        load_file(project / run / "model" / "adapter_model.safetensors") for run in ("one", "two")
    )
    assert one.keys() == two.keys()
    for key, weight in one.items():
        torch.testing.assert_close(two[key], weight, rtol=0, atol=1e-5)
    trained = [read_json(project / run / "metrics.json")["training"] for run in ("one", "two")]
    assert [training["processes"] for training in trained] == [1, 2]
    assert trained[0]["final_loss"] == pytest.approx(trained[1]["final_loss"], rel=1e-5)
    resumed = command("train", "two", "--resume", cwd=project)
    assert resumed.code == 0, resumed.err


@pytest.mark.parametrize(
    ("verb", "arguments", "message"),
    [
        ("train", ("--out", "run", "--set", "train.epochs=no"), "train.epochs"),
        pytest.param("eval", (), "is done by one process", marks=pytest.mark.slow),
    ],
)
def test_a_mistake_is_told_once(
    project: Path, verb: str, arguments: tuple[str, ...], message: str
) -> None:
    done = torchrun("-m", "tutelage", verb, "recipe.yaml", *arguments, cwd=project)
    assert done.returncode == 1  # torchrun's own
    assert done.stderr.count("tutelage: ") == 1
    assert message in done.stderr
    assert "exitcode  : 2" in done.stderr
    assert "in main\n    app()" not in done.stderr
