"""The whole path by real commands on a tiny model: from a recipe to a model proven elsewhere."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from commands import Commands
from tiny_project import Tuned, rows
from tutelage.infer.options import DecodeOptions
from tutelage.model.fused import unfuse
from tutelage.pipeline import check as check_job
from tutelage.pipeline import run as run_job
from tutelage.pipeline.chat import open_chat
from tutelage.recipe import load
from tutelage.report.text import visible
from tutelage.rundir import RunFolder, read_json

TRAINED, HELD_OUT = ("add", "colour"), "backwards"
INSTALLED = str(Path(sys.executable).with_name("tutelage"))
STEPS = 40  # ten passes over 30 examples, eight a step


def weights(run: RunFolder) -> bytes:
    (path,) = run.model.glob("*.safetensors")
    return path.read_bytes()


def own_copy(tuned: Tuned, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(tuned.folder.path, tmp_path / "copy")))


@pytest.fixture(scope="session")
def metrics(tuned: Tuned) -> dict[str, Any]:
    found: dict[str, Any] = read_json(tuned.folder.metrics)
    return found


# --- before a run


def test_a_new_recipe_needs_only_its_data_and_model(
    command: Commands, project: Path, tmp_path: Path
) -> None:
    made = command("init", "--for", "classify", "--out", tmp_path / "new.yaml", cwd=project)
    assert made.code == 0
    settings = (
        *("--set", f"data.train={project / 'data.jsonl'}"),
        *("--set", f"model.base={project / 'model'}"),
        *("--set", "evaluate.general_text=null"),
    )
    found = command("check", "new.yaml", *settings, "--json", cwd=tmp_path).json()
    assert found["counts"]["read"] == len(rows())
    assert sum(found["splits"].values()) == len(rows())


def test_check_shows_what_is_trained(command: Commands, project: Path) -> None:
    said = command("check", "recipe.yaml", cwd=project)
    assert said.code == 0, said.err
    assert "60 read = 60 kept + 0 changed + 0 truncated + 0 dropped" in said.out
    assert "30 train, 6 validation, 24 test" in said.out
    assert "stop token  <|im_end|> trained in 30 of 30 sequences" in said.out
    assert re.search(
        r"can show +with \d+ items a task, 4 times in 5: a change of \d+ points of 100 \(graded "
        r"score\), \d+ points of 100 \(right or wrong\); 3 tasks are corrected for",
        said.out,
    )


def test_check_as_a_call_finds_what_the_command_prints(command: Commands, project: Path) -> None:
    printed = command("check", "recipe.yaml", "--json", cwd=project).json()
    found = json.loads(json.dumps(check_job.check(project / "recipe.yaml").as_dict()))
    measured = {"seconds_predicted", "peak_memory_bytes", "memory_parts", "disk_free_bytes"}
    assert {k: v for k, v in found.items() if k not in measured} == {
        k: v for k, v in printed.items() if k not in measured
    }
    assert printed["seconds_predicted"] > 0
    (trained,) = {
        "".join(text for text, is_trained in sample["tokens"] if is_trained)
        for sample in printed["samples"]
        if sample["source"].endswith("row 0")
    }
    assert trained == f"{rows()[0]['output']}<|im_end|>"


def test_check_leaves_nothing_behind(command: Commands, own_project: Path) -> None:
    before = sorted(own_project.iterdir())
    assert command("check", "recipe.yaml", "--out", "run", cwd=own_project).code == 0
    assert sorted(own_project.iterdir()) == before


# --- what a run leaves


def test_a_run_says_its_verdict_and_where_the_report_is(
    tuned: Tuned, metrics: dict[str, Any]
) -> None:
    assert metrics["verdict"]["sentence"] in " ".join(tuned.said.out.split())
    assert f"report: {tuned.folder.report}" in tuned.said.out
    assert f"step {STEPS}/{STEPS}" in tuned.said.err


def test_the_run_folder_holds_every_part(tuned: Tuned) -> None:
    parts = {
        *("recipe.yaml", "environment.json", "ledger.parquet", "log.jsonl", "checkpoints"),
        *("model", "predictions", "metrics.json", "report.html"),
    }
    assert {path.name for path in tuned.folder.path.iterdir()} == parts


def test_the_resolved_recipe_is_the_one_that_ran(tuned: Tuned) -> None:
    kept = load(tuned.folder.recipe)
    again = load(tuned.project / "recipe.yaml", [f"model.method={tuned.method}"])
    assert kept.resolved() == kept.recipe
    assert kept.recipe.data == again.resolved().data
    assert kept.recipe.train.learning_rate == 1e-2


def test_the_metrics_say_what_was_trained(tuned: Tuned, metrics: dict[str, Any]) -> None:
    assert metrics["schema"] == 1
    assert metrics["model"]["stop_tokens"] == ["<|im_end|>"]
    training = metrics["training"]
    assert training["method"] == tuned.method
    assert training["steps"] == training["planned_steps"] == STEPS
    assert training["epochs"] == 10
    assert (training["trainable_parameters"] == training["total_parameters"]) is (
        tuned.method == "full"
    )
    logged = [json.loads(line) for line in tuned.folder.log.read_text().splitlines()]
    steps = [row for row in logged if row["event"] == "step"]
    assert training["supervised_tokens"] == sum(row["supervised_tokens"] for row in steps)
    assert training["final_loss"] == steps[-1]["loss"] < steps[0]["loss"]
    best = min(row["loss"] for row in logged if row["event"] == "validation")
    assert training["best_validation_loss"] == best
    cost = metrics["cost"]
    assert cost["total_seconds"] == cost["train_seconds"] + cost["evaluate_seconds"] > 0


def test_every_row_has_a_fate(tuned: Tuned, metrics: dict[str, Any]) -> None:
    counts = dict(metrics["data"]["counts"])
    assert counts.pop("read") == sum(counts.values()) == len(rows())
    ledger = pl.read_parquet(tuned.folder.ledger)
    assert ledger.height == len(rows())
    assert ledger["row"].sort().to_list() == list(range(len(rows())))
    assert dict(ledger.group_by("split").len().iter_rows()) == metrics["data"]["splits"]
    assert set(ledger.filter(task=HELD_OUT)["split"]) == {"test"}


def test_every_comparison_has_its_uncertainty(metrics: dict[str, Any]) -> None:
    primary = {row["task"]: row for row in metrics["comparison"] if row["primary"]}
    assert primary.keys() == {*TRAINED, HELD_OUT, "overall"}
    assert primary["add"]["metric"] == "exact_match"
    assert primary["colour"]["metric"] == "classification_f1"
    for row in metrics["comparison"]:
        assert row["difference"] == pytest.approx(row["tuned"] - row["base"])
        for value, interval in (
            (row["base"], row["base_interval"]),
            (row["tuned"], row["tuned_interval"]),
            (row["difference"], row["interval"]),
        ):
            assert interval[0] <= value <= interval[1]
        assert 0 < row["p_value"] <= row["p_corrected"] <= 1
        assert row["significant"] is (row["p_corrected"] < 0.05)
        assert row["held_out"] is (row["task"] == HELD_OUT) or row["task"] == "overall"
    assert metrics["forgetting"]["documents"] == 2


def test_every_number_traces_to_answers(tuned: Tuned, metrics: dict[str, Any]) -> None:
    base = pl.read_parquet(tuned.folder.base_predictions)
    after = pl.read_parquet(tuned.folder.tuned_predictions)
    asked = ("item", "task", "held_out", "file", "row", "prompt", "references", "prompt_ids")
    assert base.select(asked).equals(after.select(asked))
    assert base["prediction"].to_list() != after["prediction"].to_list()
    for row in metrics["comparison"]:
        if row["metric"] == "exact_match" and row["task"] != "overall":
            for side, table in (("base", base), ("tuned", after)):
                column = table.filter(task=row["task"])["score:exact_match"]
                assert column.mean() == pytest.approx(row[side])
                assert len(column) == row["items"]
    answers = {(r["instruction"], r["input"]): r["output"] for r in rows()}
    for prompt, references in after.select("prompt", "references").iter_rows():
        instruction, asked_for = prompt.split("\n\n")
        assert references == [answers[instruction, asked_for]]


def test_the_report_names_the_verdict(tuned: Tuned, metrics: dict[str, Any]) -> None:
    page = tuned.folder.report.read_text(encoding="utf-8")
    assert html.escape(metrics["verdict"]["sentence"]) in page
    for task in (*TRAINED, HELD_OUT):
        assert task in page


# --- the verbs that take a run


def test_evaluating_again_finds_the_same(
    command: Commands, tuned: Tuned, metrics: dict[str, Any], tmp_path: Path
) -> None:
    run = own_copy(tuned, tmp_path)
    run.report.unlink()
    again = command("eval", run.path, "--json", cwd=tmp_path).json()
    assert again["comparison"] == metrics["comparison"]
    assert again["training"] == metrics["training"]
    assert read_json(run.metrics) == again
    said = command("report", run.path, "--json", cwd=tmp_path).json()
    assert said == {"report": str(run.report)}
    assert run.report.stat().st_size > 10_000


def test_evaluating_with_other_metrics(command: Commands, tuned: Tuned, tmp_path: Path) -> None:
    run = own_copy(tuned, tmp_path)
    settings = ("--set", "evaluate.metrics=[ter]", "--set", "evaluate.tasks={}")
    said = command("eval", run.path, *settings, cwd=tmp_path)
    assert said.code == 0, said.err
    assert f"next: tutelage report {run.path}" in said.out
    found = read_json(run.metrics)["comparison"]
    assert {row["metric"] for row in found} == {"ter", "primary"}
    assert not any(row["higher_is_better"] for row in found if row["metric"] == "ter")


def test_scoring_the_answers_gives_the_run_s_numbers(
    command: Commands, tuned: Tuned, metrics: dict[str, Any], tmp_path: Path
) -> None:
    answers = pl.read_parquet(tuned.folder.tuned_predictions).filter(task="colour")
    answers.select("prediction", "references").write_ndjson(tmp_path / "answers.jsonl")
    names = ("classification_f1", "rougeL")
    asked = [part for name in names for part in ("--metric", name)]
    items = ("--items", "items.jsonl")
    found = command("score", "answers.jsonl", *asked, *items, "--json", cwd=tmp_path).json()
    expected = {row["metric"]: row for row in metrics["comparison"] if row["task"] == "colour"}
    assert found["n"] == len(answers)
    for name in names:
        assert found["metrics"][name]["value"] == pytest.approx(expected[name]["tuned"])
        assert found["metrics"][name]["signature"] == expected[name]["signature"]
    written = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert [row["rougeL"] for row in written] == answers["score:rougeL"].to_list()


def test_resuming_a_finished_run_changes_nothing(
    command: Commands, tuned: Tuned, metrics: dict[str, Any], tmp_path: Path
) -> None:
    run = own_copy(tuned, tmp_path)
    said = command("train", run.path, "--resume", "--json", cwd=tmp_path).json()
    memory = dict.fromkeys(
        ("peak_memory_bytes", "predicted_memory_bytes", "predicted_memory_parts")
    )
    assert said["training"] | memory == metrics["training"] | memory
    assert weights(run) == weights(tuned.folder)
    for part in ("comparison", "verdict", "data", "cost"):
        assert read_json(run.metrics)[part] == metrics[part]


def test_a_merged_export_answers_as_the_run_did(
    command: Commands, tuned: Tuned, tmp_path: Path
) -> None:
    said = command("export", tuned.folder.path, "--out", "plain", "--json", cwd=tmp_path).json()
    assert said["parity"]["logit_difference"] <= 1e-4
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "plain", dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "plain")
    answers = pl.read_parquet(tuned.folder.tuned_predictions)
    for prompt_ids, token_ids in answers.select("prompt_ids", "token_ids").iter_rows():
        ids = model.generate(torch.tensor([prompt_ids]), max_new_tokens=6, do_sample=False)
        assert ids[0, len(prompt_ids) :].tolist() == token_ids
    first = rows()[answers["row"][0]]
    asked = [{"role": "user", "content": f"{first['instruction']}\n\n{first['input']}"}]
    by_template = tokenizer.apply_chat_template(asked, add_generation_prompt=True)["input_ids"]
    assert by_template == answers["prompt_ids"][0].to_list()


def test_an_adapter_is_exported_for_plain_peft(
    command: Commands, tuned: Tuned, tmp_path: Path
) -> None:
    said = command("export", tuned.folder.path, "--to", "adapter", "--out", "a", cwd=tmp_path)
    if tuned.method == "full":
        assert (said.code, (tmp_path / "a").exists()) == (2, False)
        assert "a model tuned by the method full has no adapter" in said.err
        return
    assert said.code == 0, said.err
    assert "greedy tokens are equal" in said.out
    assert (tmp_path / "a" / "adapter_model.safetensors").is_file()
    # Nobody speaks but us.
    assert all(line.startswith("…") for line in said.err.splitlines()), said.err


# --- chat


def test_chat_switches_models_and_begins_anew(
    command: Commands, tuned: Tuned, tmp_path: Path
) -> None:
    question = "Name the colour.\n"
    turns = [question, "/new\n", question, "/base\n", "/new\n", question, "/what\n", "/quit\n"]
    said = command(
        "chat", tuned.folder.path, "--max-new-tokens", "12", cwd=tmp_path, said="".join(turns)
    )
    assert said.code == 0, said.err
    help_line, talk = said.out.split("\n", 1)
    assert help_line.startswith("/base")
    assert "unknown command /what" in talk
    _, first, _, *rest = talk.split("> ")
    first = first.removesuffix("tuned")
    assert rest[0].removesuffix("tuned") == first
    assert not any(part.removesuffix("base") == first for part in rest[1:])


@pytest.mark.parametrize("tuned", ["lora"], indirect=True)
def test_the_installed_command_answers_while_it_waits(
    command: Commands, tuned: Tuned, tmp_path: Path
) -> None:
    """A conversation through pipes: each answer comes before the next turn is written."""
    arguments = ["chat", str(tuned.folder.path), "--max-new-tokens", "12"]
    turns = ("Name the colour.\n", "And now?\n")
    with subprocess.Popen(
        [INSTALLED, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as talk:
        assert talk.stdin and talk.stdout
        heard = ""
        for said in ("", *turns):
            talk.stdin.write(said)
            talk.stdin.flush()
            while not heard.endswith("tuned> "):
                letter = talk.stdout.read(1)
                assert letter, heard
                heard += letter
            heard += "|"
        talk.stdin.write("/quit\n")
    assert talk.returncode == 0
    at_once = command(*arguments, cwd=tmp_path, said="".join(turns)).out
    assert heard.replace("|", "").rstrip() == at_once.rstrip()


def test_chat_ends_with_its_input(command: Commands, tuned: Tuned, tmp_path: Path) -> None:
    assert command("chat", tuned.folder.path, cwd=tmp_path).code == 0


def test_chat_streams_and_remembers(tuned: Tuned) -> None:
    talk = open_chat(tuned.folder.path, DecodeOptions(max_new_tokens=12))
    pieces: list[str] = []
    first = talk.ask("Name the colour.", pieces.append)
    assert "".join(pieces) == first
    assert len(pieces) > 1
    second = talk.ask("And now?", lambda _: None)
    assert [message.role for message in talk.messages] == ["user", "assistant"] * 2
    # The same conversation in plain transformers, from its own template.
    talk.bench.method.merge(talk.bench.model)
    tokenizer = talk.bench.renderer.tokenizer
    asked = [{"role": m.role, "content": m.content} for m in talk.messages[:3]]
    ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True)["input_ids"]
    model = talk.bench.model
    unfuse(model)
    model.set_attn_implementation("eager")
    whole = model.generate(torch.tensor([ids]), max_new_tokens=12, do_sample=False)
    answer = [id_ for id_ in whole[0, len(ids) :].tolist() if id_ not in talk.bench.stop_ids]
    assert tokenizer.decode(answer) == second


def test_chat_chooses_among_the_tunings_of_runs(
    command: Commands, tuned: Tuned, tmp_path: Path
) -> None:
    run, other = tuned.folder.path, tmp_path / "other"
    if tuned.method == "full":
        said = command("chat", run, "--adapter", f"other={run}", cwd=tmp_path)
        assert said.code == 2
        assert "no adapter fits beside it" in said.err
        return
    briefly = ("--set", "train.max_steps=6", "--set", "train.seed=1")
    made = command("train", "recipe.yaml", "--out", other, *briefly, cwd=tuned.project)
    assert made.code == 0, made.err

    def alone(folder: Path, speaker: str) -> str:
        talk = open_chat(folder, DecodeOptions(max_new_tokens=8))
        talk.speaker = speaker
        return talk.ask("Name the colour.", lambda _: None)

    turns = "Name the colour.\n/new\n"
    said = command(
        *("chat", run, "--adapter", f"other={other}", "--max-new-tokens", "8"),
        cwd=tmp_path,
        said=f"{turns}/other\n{turns}/base\n{turns}/tuned\n{turns}/third\n",
    )
    assert said.code == 0, said.err
    answers = {
        "tuned": alone(run, "tuned"),
        "other": alone(other, "tuned"),
        "base": alone(run, "base"),
    }
    assert len(set(answers.values())) == 3
    # Nothing that is typed stands there: a turn, its answer, then two commands.
    order = ("tuned", "other", "base", "tuned")
    heard = "".join(f"{name}> {visible(answers[name])}\n{name}> {name}> " for name in order)
    assert heard in said.out
    assert "unknown command /third; /other: a tuning" in said.out
    wrong = command("chat", run, "--adapter", "nameless", cwd=tmp_path)
    assert wrong.code == 2
    assert "expected NAME=RUN" in wrong.err


# --- the same by Python calls, and in parts


def test_run_is_check_train_eval_and_report(
    command: Commands, tuned: Tuned, metrics: dict[str, Any], tmp_path: Path
) -> None:
    recipe = tuned.project / "recipe.yaml"
    settings = ("--set", f"model.method={tuned.method}")
    for arguments in (
        ("train", recipe, "--out", "parts", *settings),
        ("eval", "parts"),
        ("report", "parts"),
    ):
        said = command(*arguments, cwd=tmp_path)
        assert said.code == 0, said.err
    parts = RunFolder.open(tmp_path / "parts")
    assert weights(parts) == weights(tuned.folder)
    assert read_json(parts.metrics)["comparison"] == metrics["comparison"]
    assert parts.report.is_file()


def test_the_calls_do_what_the_commands_do(
    tuned: Tuned, metrics: dict[str, Any], tmp_path: Path
) -> None:
    found = run_job.run(
        tuned.project / "recipe.yaml", tmp_path / "called", [f"model.method={tuned.method}"]
    )
    assert json.loads(json.dumps(found["comparison"])) == metrics["comparison"]
    called = RunFolder.open(tmp_path / "called")
    assert weights(called) == weights(tuned.folder)
    assert called.report.is_file()


def test_a_run_is_made_anew_only_when_asked(
    command: Commands, tuned: Tuned, tmp_path: Path
) -> None:
    run = own_copy(tuned, tmp_path)
    again = ("run", tuned.project / "recipe.yaml", "--out", run.path)
    assert command(*again, cwd=tmp_path).code == 2
    assert weights(run) == weights(tuned.folder)
    settings = ("--set", "train.max_steps=1", "--overwrite", "--json")
    found = command(*again, *settings, cwd=tmp_path).json()
    assert found["training"]["steps"] == 1
