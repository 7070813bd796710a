"""`tutelage audit --judge` as it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from chat_server import KEY, Response, completion, serving
from commands import Commands
from tutelage.judge import CRITERIA


def poor(number: int, body: dict[str, Any]) -> Response:
    return completion(json.dumps({name: {"reason": "why", "score": 1} for name in CRITERIA}))


def write(folder: Path, count: int) -> None:
    rows = [{"instruction": f"Name fruit {n}.", "output": f"pear {n}"} for n in range(count)]
    (folder / "data.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))


def test_rows_are_judged(tmp_path: Path, command: Commands) -> None:
    write(tmp_path, 6)
    network = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "JUDGES_KEY": KEY}
    with serving(poor) as server:
        named = ("--judge", server.url, "--judge-model", "m", "--judge-sample", "4")
        settings = ("--set", "data.audit.judge.key_variable=JUDGES_KEY", "--only", "judged_poor")
        said = command("audit", "data.jsonl", *named, *settings, cwd=tmp_path, **network)
        assert said.code == 0, said.err
        assert server.keys == {f"Bearer {KEY}"}
    assert "judged_poor" in said.out
    found = orjson.loads((tmp_path / "audit/audit.json").read_bytes())
    assert len(found["findings"]) == found["dataset"]["judge"]["judged"] == 4
    kept = b"".join(path.read_bytes() for path in (tmp_path / "audit").rglob("*") if path.is_file())
    assert KEY.encode() not in kept

    said = command("audit", "data.jsonl", "--judge", "http://127.0.0.1:9/v1", cwd=tmp_path)
    assert said.code == 2
    assert "--judge-model NAME" in said.err


@pytest.mark.slow
def test_killed_while_the_judge_is_asked_it_pays_for_no_reply_twice(tmp_path: Path) -> None:
    write(tmp_path, 20)
    reached, gone = threading.Event(), threading.Event()
    answered: list[str] = []

    def halting(number: int, body: dict[str, Any]) -> Response:
        if len(answered) == 8 and not gone.is_set():
            reached.set()
            gone.wait(60)
            return Response(500)  # nobody hears it
        answered.append(body["messages"][1]["content"])
        return poor(number, body)

    with serving(halting) as server:
        arguments = ["audit", "data.jsonl", "--judge", server.url, "--judge-model", "m"]
        arguments += ["--only", "judged_poor", "--set", "data.audit.judge.concurrency=1"]
        line = [sys.executable, "-m", "tutelage", *arguments]
        environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        killed = subprocess.Popen(line, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
        assert reached.wait(60)
        killed.kill()
        killed.wait()
        gone.set()
        subprocess.run(line, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert len(answered) == len(set(answered)) == 20
    found = orjson.loads((tmp_path / "audit/audit.json").read_bytes())
    assert found["dataset"]["judge"]["judged"] == 20
