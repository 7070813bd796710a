"""The whole path with a tiny masked model: every command, and the model proven elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

import tiny_masked
import tiny_project
from commands import Commands
from tutelage.infer.options import DecodeOptions
from tutelage.pipeline.chat import open_chat
from tutelage.pipeline.train import resume, train
from tutelage.rundir import RunFolder, read_json

RECIPE = """\
name: masked
model: {base: ./model, precision: float32, device: cpu, method: METHOD}
data: {train: data.jsonl, validation: 6, test: 12, max_lost: 0.05}
prompt: {max_tokens: 96, answer_tokens: 4}
train: {epochs: 12, batch_size: 8, learning_rate: 1e-2, threads: 1}
evaluate:
  metrics: [exact_match]
  tasks:
    colour: {metrics: [classification_f1], choices: [Red, green, blue, white]}
    place: {choices: trained}
  decode: {max_new_tokens: 6}
  general_text: general.txt
  resamples: 200
"""
COLOURS = ("red", "green", "blue", "white")
THINGS = ("door", "car", "hat", "cup", "cat", "dog", "mat", "log")
TOO_LONG = ("story", "All of it.", "the cat sat on the mat, and the dog sat on the log")


def rows() -> list[dict[str, str]]:
    asked = [("colour", f"{thing} is {said}.", said) for thing in THINGS for said in COLOURS]
    asked += [
        ("place", f"{thing}?", f"the {place}") for thing in THINGS for place in ("mat", "log")
    ]
    asked += [("sat", f"Who sat on {thing}?", f"the {thing}") for thing in THINGS]
    keys = ("task", "instruction", "output")
    return [dict(zip(keys, row, strict=True)) for row in [*asked, TOO_LONG]]


@pytest.fixture(scope="module", params=["lora", "full"])
def run(request, command: Commands, tmp_path_factory) -> RunFolder:
    folder = tmp_path_factory.mktemp(f"masked-{request.param}")
    kind = {"lora": "roberta", "full": "bert"}[request.param]
    tiny_masked.save_folder(folder / "model", kind, hidden_dropout_prob=0.1)
    tiny_project.write_rows(folder / "data.jsonl", rows())
    (folder / "general.txt").write_text(tiny_project.GENERAL)
    (folder / "recipe.yaml").write_text(RECIPE.replace("METHOD", request.param))
    said = command("run", "recipe.yaml", "--out", "out", cwd=folder)
    assert said.code == 0, said.err
    return RunFolder.open(folder / "out")


def test_it_learns(run: RunFolder) -> None:
    metrics = read_json(run.metrics)
    assert metrics["data"]["counts"]["dropped"] == 1
    assert [found["reason"] for found in metrics["data"]["reasons"]] == ["answer_too_long"]
    steps = [json.loads(line) for line in run.log.read_text().splitlines()]
    losses = [step["loss"] for step in steps if step["event"] == "step"]
    assert sum(losses[-3:]) < 0.85 * sum(losses[:3])
    assert metrics["forgetting"]["base"] > 0


def test_answers_are_the_choices_as_given(run: RunFolder) -> None:
    for path in (run.base_predictions, run.tuned_predictions):
        found = pl.read_parquet(path)
        said = {
            task: set(found.filter(pl.col("task") == task)["prediction"])
            for task in ("colour", "place")
        }
        assert said["colour"] <= {"Red", *COLOURS[1:]}
        assert said["place"] <= {"the mat", "the log"}


def test_evaluation_again_gives_the_same(run: RunFolder, command: Commands) -> None:
    before = pl.read_parquet(run.tuned_predictions)
    said = command("eval", run.path, cwd=run.path.parent)
    assert said.code == 0, said.err
    assert pl.read_parquet(run.tuned_predictions).equals(before)
    report = command("report", run.path, cwd=run.path.parent)
    assert report.code == 0, report.err


def test_a_chat_answers_as_the_places_say(run: RunFolder) -> None:
    chat = open_chat(run.path, DecodeOptions(max_new_tokens=3))
    told: list[str] = []
    answer = chat.ask("door is red.", told.append)
    assert "".join(told) == answer
    assert chat.ask("And the cup?", told.append) == chat.messages[-1].content


def test_a_stopped_run_ends_with_the_same_weights(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run.path.parent
    (ours,) = run.model.glob("*.safetensors")
    monkeypatch.chdir(folder)
    train("recipe.yaml", "cut", stop_after=9)
    assert (folder / "cut" / "model" / ours.name).read_bytes() != ours.read_bytes()
    resume("cut")
    assert (folder / "cut" / "model" / ours.name).read_bytes() == ours.read_bytes()


def test_an_export_is_a_plain_transformers_folder(run: RunFolder, command: Commands) -> None:
    folder = run.path.parent
    said = command("export", run.path, "--to", "merged", "--out", "plain", cwd=folder)
    assert said.code == 0, said.err
    model = AutoModelForMaskedLM.from_pretrained(folder / "plain")
    tokenizer = AutoTokenizer.from_pretrained(folder / "plain")
    found = pl.read_parquet(run.tuned_predictions).filter(pl.col("task") == "colour")
    for ids, told in found.select("prompt_ids", "log_probability").iter_rows():
        with torch.no_grad():
            values = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(dim=1)
        places = [at for at, id_ in enumerate(ids) if id_ == tokenizer.mask_token_id]
        choices = [
            [*tokenizer.encode(f" {said}", add_special_tokens=False), tokenizer.sep_token_id]
            for said in ("Red", *COLOURS[1:])
        ]
        best = max(
            sum(float(values[place, id_]) for place, id_ in zip(places, choice, strict=False))
            for choice in choices
        )
        assert best == pytest.approx(told, abs=1e-4)


def test_an_adapter_is_exported_for_plain_peft(run: RunFolder, command: Commands) -> None:
    said = command("export", run.path, "--to", "adapter", "--out", "tuning", cwd=run.path.parent)
    if (run.model / "adapter_config.json").exists():
        assert said.code == 0, said.err
        assert (run.path.parent / "tuning" / "adapter_model.safetensors").exists()
    else:
        assert "has no adapter" in said.err


def test_data_for_another_kind_of_model_stops_the_run(
    run: RunFolder, command: Commands, tmp_path: Path
) -> None:
    folder = run.path.parent
    tiny_project.write_rows(
        tmp_path / "long.jsonl",
        [{"instruction": f"{at}?", "output": TOO_LONG[2]} for at in range(9)],
    )
    said = command(
        "check", "recipe.yaml", "--set", f"data.train={tmp_path / 'long.jsonl'}",
        "--set", "evaluate.tasks={}", "--set", "data.test=0", cwd=folder,
    )  # fmt: skip
    assert said.code == 2
    assert "prompt.answer_tokens is 4" in said.err
