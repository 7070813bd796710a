"""Two models behind an endpoint, compared by the real command without a model or torch here."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chat_server import KEY, ChatServer, Response, completion, error, serving
from commands import Commands
from tiny_project import Tuned, rows
from tutelage.cli.evaluate import show
from tutelage.rundir import RunFolder, held, read_json

ANSWERS = {f"{row['instruction']}\n\n{row['input']}": row["output"] for row in rows()}
NO_PROXY = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "MY_KEY": KEY}


def clever(number: int, body: dict[str, Any]) -> Response:
    """The tuned model knows all answers, the base model none."""
    question = body["messages"][-1]["content"]
    return completion(ANSWERS[question] if body["model"] == "tuned-1" else "no idea")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with serving(clever) as made:
        yield made


def named(server: ChatServer) -> list[str]:
    return [
        *("--endpoint", server.url, "--base", "base-1", "--tuned", "tuned-1"),
        *("--set", "evaluate.endpoint.key_variable=MY_KEY"),
        *("--set", "evaluate.endpoint.prices={base-1: [1, 2], tuned-1: [2, 4]}"),
    ]


def test_two_models_at_an_endpoint_are_compared(
    command: Commands, own_project: Path, server: ChatServer, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    said = command(
        *("eval", "recipe.yaml", "--out", out, "--json"),
        *named(server),
        cwd=own_project,
        **NO_PROXY,
    )
    metrics = said.json()
    assert len(server.asked) == 2 * 24  # 12 rows set aside, 12 of the task that is held out
    for row in metrics["comparison"]:
        if row["primary"] and row["task"] != "overall":
            assert (row["base"], row["tuned"]) == (0, row["scale"])
    assert metrics["verdict"]["sentence"].startswith("All two trained tasks got significantly")
    found = metrics["endpoints"]
    assert found["tuned"]["cost"] == pytest.approx(24 * (10 * 2 + 2 * 4) / 1e6)
    assert found["base"]["finish_reasons"] == {"stop": 24}
    assert found["base"]["answered_by"] == ["served-2026-11-22"]

    run = RunFolder.open(out)
    table = pl.read_parquet(run.tuned_predictions)
    assert table["prediction"].to_list() == [references[0] for references in table["references"]]
    assert table["log_probability"].null_count() == len(table)
    page = run.report.read_text(encoding="utf-8")
    assert "tuned-1" in page
    assert "How it learned" not in page and "What it forgot" not in page
    everything = b"".join(path.read_bytes() for path in run.path.rglob("*") if path.is_file())
    assert KEY.encode() not in everything + said.err.encode()

    again = command("eval", out, "--json", cwd=own_project, **NO_PROXY).json()
    assert again["comparison"] == metrics["comparison"]
    assert again["endpoints"]["base"]["kept_from_before"] == 24
    assert len(server.asked) == 48  # nothing was asked twice


def test_a_killed_evaluation_goes_on(command: Commands, own_project: Path, tmp_path: Path) -> None:
    alive = True

    def dies(number: int, body: dict[str, Any]) -> Response:
        return clever(number, body) if alive else error(402, "no money")

    with serving(dies) as server:
        arguments = ["eval", "recipe.yaml", "--out", tmp_path / "run", *named(server)]

        def until_thirty(number: int, body: dict[str, Any]) -> Response:
            return clever(number, body) if number < 30 else error(402, "no money")

        server.behaviour = until_thirty
        stopped = command(*arguments, cwd=own_project, **NO_PROXY)
        assert stopped.code == 2
        assert "no money" in stopped.err and "answers are kept" in stopped.err
        server.behaviour = clever
        done = len(list(server.asked))
        metrics = command("eval", tmp_path / "run", "--json", cwd=own_project, **NO_PROXY).json()
        assert len(server.asked) - done == 48 - 30
        assert metrics["evaluation"]["items"] == 24


def test_answers_are_held_to_the_items_they_are_of(
    command: Commands, own_project: Path, server: ChatServer, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    names = named(server)
    assert (
        command("eval", "recipe.yaml", "--out", out, *names, cwd=own_project, **NO_PROXY).code == 0
    )
    asked, data = len(server.asked), own_project / "data.jsonl"
    before = data.read_text(encoding="utf-8")
    data.write_text(before.replace('"output": "red"', '"output": "crimson"'), encoding="utf-8")
    other = command("eval", out, cwd=own_project, **NO_PROXY)
    assert other.code == 2 and "not the ones that this run asked" in other.err
    data.write_text(before, encoding="utf-8")
    for verb in (["train", out, "--resume"], ["chat", out], ["export", out, "--out", "e"]):
        alone = command(*verb, cwd=own_project)
        assert alone.code == 2 and "are at endpoints" in alone.err
    with held(out):
        busy = command("eval", out, cwd=own_project, **NO_PROXY)
    assert busy.code == 2 and "another process" in busy.err
    assert command("eval", out, cwd=own_project, **NO_PROXY).code == 0
    assert len(server.asked) == asked


def test_a_runs_training_is_kept_when_others_are_compared_on_its_items(
    command: Commands, tuned: Tuned, server: ChatServer, tmp_path: Path
) -> None:
    if tuned.method != "lora":
        pytest.skip("the method makes no difference")
    run = RunFolder(Path(shutil.copytree(tuned.folder.path, tmp_path / "run", symlinks=True)))
    ledger, before = run.ledger.read_bytes(), read_json(run.metrics)
    found = command(
        "eval", run.path, *named(server), "--json", cwd=tuned.project, **NO_PROXY
    ).json()
    assert set(found["endpoints"]) == {"base", "tuned"}
    assert run.ledger.read_bytes() == ledger
    for part in ("training", "data", "mixture"):
        assert found[part] == before[part]
    cost = found["cost"]
    assert cost["total_seconds"] == cost["train_seconds"] + found["evaluation"]["seconds"]


def test_the_key_of_a_host_is_not_sent_to_another(
    command: Commands, own_project: Path, server: ChatServer
) -> None:
    recipe = own_project / "recipe.yaml"
    settings = (
        "  endpoint: {url: https://other.example/v1, tuned_url: https://third.example/v1, "
        "key_variable: MY_KEY}\n"
    )
    recipe.write_text(recipe.read_text(encoding="utf-8") + settings, encoding="utf-8")
    names = ("--endpoint", server.url, "--base", "base-1", "--tuned", "tuned-1")
    said = command("eval", recipe, "--out", "run", *names, cwd=own_project, **NO_PROXY)
    assert said.code == 0, said.err
    assert server.keys == {None} and len(server.asked) == 48  # and both were asked here


def test_where_nobody_answers_both_it_is_said_why(
    command: Commands, own_project: Path, tmp_path: Path
) -> None:
    def refuses(number: int, body: dict[str, Any]) -> Response:
        return (
            completion(None, refusal="I [x] cannot.")
            if body["model"] == "tuned-1"
            else clever(number, body)
        )

    with serving(refuses) as server:
        arguments = ["eval", "recipe.yaml", "--out", tmp_path / "run", *named(server)]
        skip = ["--set", "evaluate.endpoint.on_failure=skip"]
        said = command(*arguments, *skip, cwd=own_project, **NO_PROXY)
    assert said.code == 2
    assert "none that both models answered" in said.err
    assert "tuned (tuned-1): 24 refused; the first: I [x] cannot." in said.err


def test_items_without_an_answer_are_left_out_for_both(
    command: Commands, own_project: Path, tmp_path: Path
) -> None:
    def refuses(number: int, body: dict[str, Any]) -> Response:
        hard = "white" in body["messages"][-1]["content"] and body["model"] == "tuned-1"
        return completion(None, refusal="I cannot.") if hard else clever(number, body)

    with serving(refuses) as server:
        arguments = ["eval", "recipe.yaml", "--out", tmp_path / "run", *named(server)]
        arguments += ["--set", "data.test=30"]
        stopped = command(*arguments, cwd=own_project, **NO_PROXY)
        assert stopped.code == 2 and "refused" in stopped.err
        skip = ["--set", "evaluate.endpoint.on_failure=skip"]
        said = command("eval", tmp_path / "run", *skip, "--json", cwd=own_project, **NO_PROXY)
    metrics = said.json()
    left_out = metrics["evaluation"]["left_out"]
    assert 0 < left_out == metrics["endpoints"]["tuned"]["failures"]["refused"]
    assert metrics["evaluation"]["items"] == 42 - left_out
    run = RunFolder.open(tmp_path / "run")
    tables = [pl.read_parquet(path) for path in (run.base_predictions, run.tuned_predictions)]
    assert tables[0]["item"].to_list() == tables[1]["item"].to_list()
    assert not any("white" in prompt for prompt in tables[0]["prompt"])
    assert f"{left_out} more got no answer" in run.report.read_text(encoding="utf-8")


def test_a_run_is_compared_with_an_endpoint(
    command: Commands, tuned: Tuned, server: ChatServer
) -> None:
    if tuned.method != "lora":
        pytest.skip("the method makes no difference")
    before = read_json(tuned.folder.metrics)
    arguments = ["--endpoint", server.url, "--tuned", "tuned-1", "--json"]
    metrics = command("eval", tuned.folder.path, *arguments, cwd=tuned.project, **NO_PROXY).json()
    for old, new in zip(before["comparison"], metrics["comparison"], strict=True):
        assert new["base"] == old["base"]
    assert set(metrics["endpoints"]) == {"tuned"} and metrics["forgetting"] is None
    restored = command("eval", tuned.folder.path, "--json", cwd=tuned.project).json()
    assert restored["comparison"] == before["comparison"]
    assert restored["endpoints"] == {}


def test_mistakes_are_told(command: Commands, own_project: Path, tmp_path: Path) -> None:
    lone = command("eval", "recipe.yaml", "--out", "run", "--base", "m", cwd=own_project)
    assert lone.code == 2 and "add --tuned NAME" in lone.err
    bare = command("eval", "recipe.yaml", cwd=own_project)
    assert bare.code == 2 and "add --out RUN" in bare.err
    keyless = command(
        *("eval", "recipe.yaml", "--out", "run", "--base", "m", "--tuned", "n"),
        cwd=own_project,
        OPENAI_API_KEY="",
    )
    assert keyless.code == 2 and "OPENAI_API_KEY is not set" in keyless.err
    assert not (own_project / "run").exists()


def test_the_files_say_how_to_ask_what_stays_out_of_them(
    command: Commands, own_project: Path, server: ChatServer
) -> None:
    settings = ("--set", "data.seed=3", "--set", "data.test=9")
    made = command(
        "export-data", "recipe.yaml", "--to", "openai", "--out", "files", *settings, cwd=own_project
    )
    assert made.code == 0, made.err
    following = made.out.rpartition("tutelage ")[2].replace("RUN", "run").split("--base")[0]
    said = command(*shlex.split(following), *named(server), cwd=own_project, **NO_PROXY)
    assert said.code == 0, said.err
    prompts = [json.loads(line) for line in (own_project / "files/prompts.jsonl").open()]
    asked = pl.read_parquet(own_project / "run/predictions/base.parquet")
    assert [(row["file"], row["row"]) for row in prompts] == asked.select("file", "row").rows()


def test_brackets_in_names_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"model": "m[/b]", "answered": 1, "items": 2, "prompt_tokens": 3, "answer_tokens": 4}
    show(
        {
            "endpoints": {"base": {**found, "cost": None, "failures": {}}},
            "confidence": 0.95,
            "verdict": {"sentence": "Task [red] got better."},
        }
    )
    heard = capsys.readouterr().out
    assert "m[/b] answered 1 of 2" in heard and "Task [red] got better." in heard


def test_neither_torch_nor_transformers_is_loaded(own_project: Path, server: ChatServer) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from tutelage.pipeline.endpoints import compare_endpoints\n"
        "from tutelage.pipeline.export_data import export_data\n"
        f"settings = ['evaluate.endpoint.url={server.url}', 'evaluate.endpoint.base=a', "
        "'evaluate.endpoint.tuned=tuned-1']\n"
        "compare_endpoints('recipe.yaml', 'run', settings)\n"
        "export_data('recipe.yaml', 'openai', 'files')\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=own_project, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    prompts = [json.loads(line) for line in (own_project / "files/prompts.jsonl").open()]
    asked = pl.read_parquet(own_project / "run/predictions/base.parquet")
    assert [(row["file"], row["row"]) for row in prompts] == asked.select("file", "row").rows()
