"""Suites asked of models behind endpoints, by the real command over real sockets."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chat_server import Behaviour, Response, completion, serving
from commands import Commands, Finished
from tiny_project import Tuned, write_rows
from tutelage.data.example import Message
from tutelage.infer.backend import Request
from tutelage.infer.options import DecodeOptions
from tutelage.pipeline.suites.targets import target

NO_PROXY = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
SUMS = [
    {"prompt": f"What is {n} and {n}?", "response": str(2 * n), "page": str(n // 2)}
    for n in range(8)
]
WORDS = [{"prompt": f"Say w{n}", "response": f"w{n}"} for n in range(4)]
SUITES = (
    "evaluate.suites=[{name: sums, data: sums.jsonl, metrics: [exact_match], cluster: page,"
    " max_new_tokens: 6}, {name: words, data: words.jsonl, metrics: [exact_match]},"
    " {name: chosen, data: words.jsonl, choices: [w0, w1, w2, w3]}]"
)


def doubles(number: int, body: dict[str, Any]) -> Response:
    """Right about sums, and about words if it is the better model."""
    question = body["messages"][-1]["content"]
    if question.startswith("What"):
        return completion(str(2 * int(question.split()[2])))
    return completion(question.split()[-1] if body["model"] == "better" else "what?")


Evaluated = Callable[..., Finished]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the commands are given, with two sets of questions."""
    write_rows(tmp_path / "sums.jsonl", SUMS)
    write_rows(tmp_path / "words.jsonl", WORDS)
    return tmp_path


@pytest.fixture
def evaluated(command: Commands, folder: Path) -> Iterator[Evaluated]:
    """`tutelage eval` of models at an address."""

    def run(url: str, *arguments: str | Path, settings: tuple[str, ...] = ()) -> Finished:
        quick = ("evaluate.endpoint.retries=1", "evaluate.endpoint.timeout=20")
        sets = [part for one in (SUITES, *quick, *settings) for part in ("--set", one)]
        suites = ("--suite", "sums", "--suite", "words", "--suite", "chosen")
        return command(
            *("eval", *arguments, *suites, "--endpoint", url, "--json", *sets),
            cwd=folder,
            **NO_PROXY,
        )

    yield run


def status(results: dict[str, Any]) -> dict[str, str]:
    return {one["suite"]: one["status"] for one in results["suites"]}


def printed(finished: Finished) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(finished.out)
    return found


def test_two_models_at_an_endpoint_are_compared_and_paid_once(
    evaluated: Evaluated, folder: Path
) -> None:
    with serving(doubles) as server:
        said = evaluated(server.url, "--base", "worse", "--tuned", "better")
        found = said.json()
        assert len(server.asked) == 2 * (len(SUMS) + len(WORDS))
        again = evaluated(server.url, "--base", "worse", "--tuned", "better").json()
        assert len(server.asked) == 2 * (len(SUMS) + len(WORDS))
        # Another model, or the same one asked otherwise, gets no reply of these.
        out = ("--out", found["folder"])
        other = evaluated(server.url, "--base", "worse", "--tuned", "other", *out).json()
        assert len(server.asked) == 3 * (len(SUMS) + len(WORDS))
        warm = ("evaluate.endpoint.parameters={temperature: 0.5}",)
        evaluated(server.url, "--tuned", "better", *out, settings=warm)
        assert len(server.asked) == 4 * (len(SUMS) + len(WORDS))
    assert status(found) == {"sums": "run", "words": "run", "chosen": "skipped"}
    assert "likelihood" in found["suites"][2]["reason"]
    assert again["measures"] == found["measures"]
    values = {row["suite"]: (row["base"], row["tuned"]) for row in found["measures"]}
    assert values == {"sums": (1, 1), "words": (0, 1)}
    assert found["models"] == {"base": "worse", "tuned": "better"}
    assert other["contents"]["tuned"] != found["contents"]["tuned"]
    table = pl.read_parquet(folder / found["folder"] / "base/words.parquet")
    assert table["answers"].to_list() == [["what?"]] * len(WORDS)
    assert table["prompt_tokens"].to_list() == [10] * len(WORDS)  # as the endpoint counts


def test_one_suite_that_is_not_answered_does_not_cost_the_others(
    evaluated: Evaluated, folder: Path
) -> None:
    def rubbish(number: int, body: dict[str, Any]) -> Response:
        is_broken = body["messages"][-1]["content"] == "Say w2"
        return Response(content=b"<html>") if is_broken else doubles(number, body)

    with serving(rubbish) as server:
        said = evaluated(server.url, "--tuned", "better")
        found = printed(said)
        assert said.code == 1
        assert status(found) == {"sums": "run", "words": "failed", "chosen": "skipped"}
        assert "no answer to 1 of the items (1 given_up)" in found["suites"][1]["reason"]
        asked = [body["messages"][-1]["content"] for body in server.asked]
        server.behaviour = doubles
        mended = evaluated(server.url, "--tuned", "better").json()
    assert status(mended)["words"] == "run"
    late = [body["messages"][-1]["content"] for body in server.asked[len(asked) :]]
    assert set(late) == {row["prompt"] for row in WORDS} - (set(asked) - {"Say w2"})


def test_what_may_be_left_out_is_left_out_for_both_with_its_source(
    evaluated: Evaluated, folder: Path
) -> None:
    def filtered(number: int, body: dict[str, Any]) -> Response:
        is_it = body["messages"][-1]["content"] == "What is 3 and 3?" and body["model"] == "better"
        return completion("", "content_filter") if is_it else doubles(number, body)

    with serving(filtered) as server:
        skip = ("evaluate.endpoint.on_failure=skip",)
        found = evaluated(server.url, "--base", "worse", "--tuned", "better", settings=skip).json()
    about = found["suites"][0]
    assert (about["items"], about["left_out"]) == (6, 2)
    tables = [
        pl.read_parquet(folder / found["folder"] / side / "sums.parquet")
        for side in ("base", "tuned")
    ]
    assert tables[0]["source"].to_list() == tables[1]["source"].to_list()
    assert len(tables[0]) == 6 and not any(
        "is 2 " in q or "is 3 " in q for q in tables[0]["question"]
    )


def test_an_address_where_nobody_listens_fails_each_suite_at_once(
    evaluated: Evaluated, folder: Path
) -> None:
    with serving(doubles) as server:
        pass
    began = time.monotonic()
    said = evaluated(server.url, "--tuned", "better", settings=("evaluate.endpoint.retries=8",))
    assert time.monotonic() - began < 60  # eight retries would wait for 84 seconds
    assert said.code == 1
    assert status(printed(said)) == {"sums": "failed", "words": "failed", "chosen": "skipped"}
    assert "no connection to 127.0.0.1" in said.err


def serves(model: Path) -> Behaviour:
    """A model here, behind the protocol."""
    bench, lock = target(model).load(), threading.Lock()

    def answer(number: int, body: dict[str, Any]) -> Response:
        turns = [Message(turn["role"], turn["content"]) for turn in body["messages"]]
        prompt = tuple(bench.renderer.prompt_ids(turns))
        with lock, bench.as_base():
            request = Request(prompt, body["max_tokens"])
            (said,) = bench.decoder(DecodeOptions(temperature=body["temperature"])).run([request])
        return completion(bench.renderer.answer(said.ids), said.finish_reason)

    return answer


@pytest.mark.parametrize("tuned", ["lora"], indirect=True)
def test_a_model_replies_over_the_wire_what_it_replies_here(
    evaluated: Evaluated, folder: Path, tuned: Tuned
) -> None:
    model = tuned.project / "model"
    with serving(serves(model)) as server:
        found = evaluated(server.url, "--tuned", "tiny", "--against", model).json()
    assert status(found) == {"sums": "run", "words": "run", "chosen": "skipped"}
    for suite in ("sums", "words"):
        here, there = (
            pl.read_parquet(folder / found["folder"] / side / f"{suite}.parquet")
            for side in ("base", "tuned")
        )
        assert len(set(map(str, here["answers"].to_list()))) > 1
        assert here["answers"].to_list() == there["answers"].to_list()
        assert here["finish_reasons"].to_list() == there["finish_reasons"].to_list()


@pytest.mark.parametrize("tuned", ["lora"], indirect=True)
def test_a_run_is_compared_with_a_model_elsewhere(
    evaluated: Evaluated, folder: Path, tuned: Tuned
) -> None:
    run = Path(shutil.copytree(tuned.folder.path, folder / "run"))
    for name in ("sums.jsonl", "words.jsonl"):
        shutil.copy(folder / name, run / name)  # paths start at the run
    before = (run / "metrics.json").read_bytes()
    with serving(doubles) as server:
        found = evaluated(server.url, run, "--base", "better").json()
    assert found["models"] == {"base": "better", "tuned": str(run)}
    assert Path(found["folder"]) == run / "suites/against/better"
    assert (run / "metrics.json").read_bytes() == before
    assert {row["suite"]: row["base"] for row in found["measures"]} == {"sums": 1, "words": 1}


def test_a_run_of_two_models_elsewhere_is_asked_suites(
    command: Commands, own_project: Path
) -> None:
    few = ("--set", "evaluate.suite_items=4")
    with serving(doubles) as server:
        names = ("--endpoint", server.url, "--base", "worse", "--tuned", "better")
        own = ("--out", "run", "--set", "evaluate.suites=[perturbations]", "--json")
        made = command("eval", "recipe.yaml", *own, *names, *few, cwd=own_project, **NO_PROXY)
        first = made.json()
        more = ("--suite", "injections", *few)
        found = command("eval", "run", *more, "--json", cwd=own_project, **NO_PROXY).json()
    assert status(first["suites"]) == {"perturbations": "run"}
    assert status(found) == {"perturbations": "run", "injections": "run"}
    metrics = json.loads((own_project / "run/metrics.json").read_bytes())
    assert metrics["suites"] == found
    assert metrics["comparison"] == first["comparison"]
    assert "injections" in (own_project / "run/report.html").read_text(encoding="utf-8")


def test_mistakes_are_told(command: Commands, evaluated: Evaluated, folder: Path) -> None:
    url = "http://127.0.0.1:9/v1"
    nobody = command("eval", "--suite", "ifeval", cwd=folder)
    assert nobody.code == 2 and "no model is named" in nobody.err
    two = evaluated(url, "a", "--tuned", "b")
    assert two.code == 2 and "--tuned b --against a" in two.err
    three = evaluated(url, "--tuned", "a", "--base", "b", "--against", "c")
    assert three.code == 2 and "leave one out" in three.err
    key = ("evaluate.endpoint.key_variable=NO_SUCH_KEY",)
    keyless = evaluated(url, "--tuned", "a", settings=key)
    assert keyless.code == 2 and "NO_SUCH_KEY is not set" in keyless.err
