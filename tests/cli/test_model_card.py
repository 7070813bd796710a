"""`tutelage export` leaves a model card whose metadata is right and whose snippet answers."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from huggingface_hub import ModelCard

from commands import Commands
from tiny_project import Tuned
from tutelage.recipe import load as load_recipe
from tutelage.rundir import read_json


def exported(command: Commands, run: Path, out: Path, form: str) -> str:
    said = command("export", run, "--to", form, "--out", out, cwd=out.parent)
    assert said.code == 0, said.err
    return (out / "README.md").read_text(encoding="utf-8")


def answer_of(card: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **instead: str) -> str:
    """What the card's snippet prints, run where the card lies."""
    (snippet,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    for name, value in instead.items():
        assert name in snippet
        snippet = snippet.replace(name, value)
    monkeypatch.chdir(folder)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(snippet, "snippet", "exec"), {})
    return said.getvalue().strip()


def test_a_merged_export_tells_of_itself(
    command: Commands, tuned: Tuned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = exported(command, tuned.folder.path, tmp_path / "plain", "merged")
    read: Any = ModelCard(written).data
    metrics = read_json(tuned.folder.metrics)
    measured = {one.dataset_config: one.metric_value for one in read.eval_results}
    assert measured == {
        row["task"]: pytest.approx(row["tuned"], abs=1e-4)
        for row in metrics["comparison"]
        if row["primary"] and row["task"] != "overall"
    }
    assert metrics["verdict"]["sentence"] in written
    assert (read.library_name, read.base_model, read.license) == ("transformers", None, None)
    assert str(tuned.project) not in written
    # The recipe beside the same files is the same recipe.
    again = Path(shutil.copytree(tuned.project, tmp_path / "again", symlinks=True)) / "recipe.yaml"
    (recipe,) = re.findall(r"```yaml\n(.*?)```", written, re.DOTALL)
    again.write_text(recipe)
    dumped = load_recipe(again).resolved().model_dump_json()
    run = load_recipe(tuned.folder.recipe).resolved().model_dump_json()
    assert dumped.replace(str(again.parent), str(tuned.project)) == run
    # What is said to be read is read, and the snippet gives what the run's model says.
    heard = command(
        *("chat", tuned.folder.path, "--max-new-tokens", "6"),
        cwd=tmp_path,
        said="Name three colours.\n/quit\n",
    )
    assert heard.code == 0
    said = heard.out.split("> ")[1].removesuffix("tuned").strip()
    assert answer_of(written, tmp_path / "plain", monkeypatch) == said
    prompt = pl.read_parquet(tuned.folder.tuned_predictions)["prompt"][0]
    assert prompt not in written  # a test item is not published
    assert "<|im_start|>user\nName three colours.<|im_end|>\n<|im_start|>assistant\n```" in written


@pytest.mark.parametrize("tuned", ["lora"], indirect=True)
def test_figures_of_models_elsewhere_are_not_told_of_the_export(
    command: Commands, tuned: Tuned, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(tuned.folder.path, tmp_path / "run"))
    metrics = read_json(run / "metrics.json")
    metrics["endpoints"] = {"tuned": {"model": "elsewhere"}}
    (run / "metrics.json").write_text(json.dumps(metrics))
    written = exported(command, run, tmp_path / "plain", "merged")
    assert metrics["verdict"]["sentence"] not in written
    assert not ModelCard(written).data.eval_results


@pytest.mark.parametrize("tuned", ["lora"], indirect=True)
def test_an_adapter_says_what_it_needs(
    command: Commands,
    tuned: Tuned,
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    merged = exported(command, tuned.folder.path, tmp_path / "plain", "merged")
    written = exported(command, tuned.folder.path, tmp_path / "adapter", "adapter")
    read: Any = ModelCard(written).data
    assert read.library_name == "peft"
    said = answer_of(written, tmp_path / "adapter", monkeypatch, BASE=str(tiny_base))
    assert said == answer_of(merged, tmp_path / "plain", monkeypatch)


def test_the_licence_of_the_base_is_handed_on_and_nothing_is_said_of_what_was_not_asked(
    command: Commands, own_project: Path, tiny_base: Path
) -> None:
    (own_project / "model").unlink()
    shutil.copytree(tiny_base, own_project / "model")
    card = "---\nlicense: other\nlicense_name: ours-1.0\n---\nText\n"
    (own_project / "model" / "README.md").write_text(card)
    few = ("--set", "train.max_steps=1")
    assert command("train", "recipe.yaml", "--out", "run", *few, cwd=own_project).code == 0
    written = exported(command, own_project / "run", own_project / "out", "merged")
    read: Any = ModelCard(written).data
    assert (read.license, read.license_name) == ("other", "ours-1.0")
    assert "Not compared with the base model" in written
    assert read.eval_results is None
