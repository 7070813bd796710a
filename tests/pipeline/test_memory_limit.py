"""A memory limit decides what the recipe leaves open, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from tiny_project import write_model, write_project
from tutelage.errors import UserError
from tutelage.pipeline import memory
from tutelage.pipeline.check import check
from tutelage.pipeline.memory import fit_memory
from tutelage.pipeline.prepare import Prepared, prepare, read
from tutelage.pipeline.train import make_loop, train
from tutelage.pipeline.workbench import Workbench, from_recipe
from tutelage.recipe import load
from tutelage.rundir import RunFolder, read_json


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("limited")
    return write_project(folder / "project", write_model(folder / "model"))


@pytest.fixture
def tensors_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Predict for a process that holds nothing but tensors: those of a tiny model are few."""
    monkeypatch.setattr(memory, "runtime_bytes", lambda model: 0)
    monkeypatch.setattr(memory, "peak_memory", lambda device: 0)
    yield


def made(project: Path, *overrides: str) -> tuple[Workbench, Prepared]:
    recipe = load(project / "recipe.yaml", ["train.batch_size=40", *overrides]).resolved()
    bench = from_recipe(recipe)
    return bench, prepare(recipe, read(recipe), bench.renderer)


def fitted(project: Path, tmp_path: Path, *overrides: str) -> Workbench:
    bench, prepared = made(project, *overrides)
    fit_memory(bench, partial(make_loop, bench, prepared, RunFolder(tmp_path)))
    return bench


def predicted(project: Path, tmp_path: Path, *overrides: str) -> int:
    plan = fitted(project, tmp_path, *overrides).memory
    assert plan is not None
    return plan.total


def mib(size: float) -> str:
    return f"train.memory_limit={size / 2**20:.6f}MiB"


def test_without_a_limit_the_defaults_hold_and_are_written_down(
    project: Path, tmp_path: Path
) -> None:
    chosen = fitted(project, tmp_path).recipe.train
    assert (chosen.micro_batch_tokens, chosen.activation_checkpointing) == (1536, "none")


@pytest.mark.usefixtures("tensors_only")
def test_the_first_rung_that_fits_is_taken(project: Path, tmp_path: Path) -> None:
    short = "train.micro_batch_tokens=512"
    cheap = (short, "train.activation_checkpointing=selective")
    roomy, shorter, tight = (predicted(project, tmp_path, *said) for said in ((), [short], cheap))
    assert tight < shorter < roomy
    for limit, expected in (
        (roomy, (1536, "none")),
        (shorter, (512, "none")),
        (tight, (512, "selective")),
    ):
        bench = fitted(project, tmp_path, mib(limit + 1))
        chosen = bench.recipe.train
        assert bench.memory is not None and bench.memory.total <= limit + 1
        assert (chosen.micro_batch_tokens, chosen.activation_checkpointing) == expected


@pytest.mark.usefixtures("tensors_only")
def test_what_the_recipe_says_is_kept(project: Path, tmp_path: Path) -> None:
    said = ("train.micro_batch_tokens=300", "train.activation_checkpointing=none")
    needed = predicted(project, tmp_path, *said)
    with pytest.raises(UserError, match="does not fit") as caught:
        fitted(project, tmp_path, *said, mib(needed - 1000))
    assert "micro_batch_tokens 300" in caught.value.what


@pytest.mark.usefixtures("tensors_only")
def test_the_limit_that_an_error_names_works(project: Path, tmp_path: Path) -> None:
    few = "train.micro_batch_tokens=256"
    with pytest.raises(UserError, match="does not fit") as caught:
        fitted(project, tmp_path, few, "train.memory_limit=0.1MiB")
    assert caught.value.fix is not None
    named = caught.value.fix.split("set it to ")[1].split(" or more")[0]
    assert fitted(project, tmp_path, few, f"train.memory_limit={named}").memory is not None


@pytest.mark.usefixtures("tensors_only")
def test_an_open_precision_is_lowered_last(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tutelage.model import precision

    monkeypatch.setattr(precision, "_cpu_flags", frozenset)  # float32 is what this CPU does well
    said = (
        "train.activation_checkpointing=full",
        "train.micro_batch_tokens=256",
        "model.method=full",
        "train.learning_rate=null",
    )
    least = predicted(project, tmp_path, *said, "model.precision=bfloat16")
    full = (*said, mib(least + 5000))
    with pytest.raises(UserError, match="does not fit"):
        fitted(project, tmp_path, *full)  # the tiny recipe asks for float32
    bench = fitted(project, tmp_path, "model.precision=auto", *full)
    assert bench.recipe.model.precision == "bfloat16"
    assert {parameter.dtype for parameter in bench.model.parameters()} == {torch.bfloat16}


def test_a_run_holds_prediction_beside_measurement(project: Path, tmp_path: Path) -> None:
    settings = ["train.max_steps=2", "train.memory_limit=20GiB"]
    run = train(project / "recipe.yaml", tmp_path / "run", settings)
    found = read_json(run.metrics)["training"]
    assert found["predicted_memory_bytes"] == pytest.approx(found["peak_memory_bytes"], rel=0.1)
    written = load(run.recipe).recipe.train
    assert (written.micro_batch_tokens, written.activation_checkpointing) == (1536, "none")


def test_check_shows_the_parts(project: Path) -> None:
    found = check(project / "recipe.yaml", ["train.memory_limit=20GiB"])
    assert found.memory_parts["parameters"] > 0
    assert sum(found.memory_parts.values()) <= found.peak_memory_bytes
    assert "micro_batch_tokens 1536" in found.memory_settings


def test_a_model_that_cannot_be_predicted_gets_no_promise(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpredictable(*_: object, **__: object) -> None:
        raise memory.UnpredictableError("data-dependent")

    monkeypatch.setattr(memory, "predict", unpredictable)
    bench = fitted(project, tmp_path)
    assert bench.memory is None and bench.recipe.train.micro_batch_tokens == 1536
    with pytest.raises(UserError, match="cannot be predicted"):
        fitted(project, tmp_path, "train.memory_limit=8GiB")


@pytest.mark.usefixtures("tensors_only")
@pytest.mark.parametrize("method", ["prefix", "lora"])
def test_a_lowered_precision_begins_where_its_resumed_run_does(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """A prefix, and DoRA's lengths, are made of the weights that the run's recipe names."""
    from tutelage.model import precision

    monkeypatch.setattr(precision, "_cpu_flags", frozenset)
    said = (
        f"model.method={method}",
        "model.lora.dora=true" if method == "lora" else "model.prefix.tokens=3",
        "train.learning_rate=null",
        "train.activation_checkpointing=full",
        "train.micro_batch_tokens=256",
    )
    least = predicted(project, tmp_path, *said, "model.precision=bfloat16")
    rounded = fitted(project, tmp_path, *said, "model.precision=auto", mib(least + 5000))
    assert rounded.recipe.model.precision == "bfloat16"
    resumed = from_recipe(rounded.recipe)
    found = rounded.method.trainable_parameters(rounded.model)
    expected = resumed.method.trainable_parameters(resumed.model)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
