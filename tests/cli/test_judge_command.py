"""`tutelage audit --judge` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson

from chat_server import KEY, Response, completion, serving
from commands import Commands
from tutelage.judge import CRITERIA


def poor(number: int, body: dict[str, Any]) -> Response:
    return completion(json.dumps({name: {"reason": "why", "score": 1} for name in CRITERIA}))


def test_rows_are_judged(tmp_path: Path, command: Commands) -> None:
    rows = [{"instruction": f"Name fruit {n}.", "output": f"pear {n}"} for n in range(6)]
    (tmp_path / "data.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
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
