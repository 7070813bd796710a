"""Ray Data finds what one process finds, bit for bit."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tutelage.data.audit_options import AuditOptions
from tutelage.data.options import SourceOptions
from tutelage.pipeline.audit import audit, on_ray, parts

pytest.importorskip("ray", reason="needs the extra `ray`")

WORDS = ("the", "a", "cat", "dog", "sat", "ran", "on", "in", "mat", "tree", "and", "so", "it")


def test_several_workers_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {
            "instruction": " ".join(WORDS[(n * k) % 13] for k in range(1, 9)) + "?",
            "output": "" if n % 17 == 0 else "fine " * (n % 40) + WORDS[n % 13],
        }
        for n in range(120)
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, [*rows, *rows[:5]])))
    source, options = [SourceOptions(path="a.jsonl")], AuditOptions(rules_only=True)
    here = audit(source, tmp_path / "here", options, base=tmp_path)
    monkeypatch.setattr(parts, "PART_ROWS", 20)
    there = audit(source, tmp_path / "there", options, base=tmp_path, engine=on_ray)
    assert there.findings.height > 7
    counts = [one.findings["check"].value_counts(sort=True).rows() for one in (there, here)]
    assert sorted(counts[0]) == sorted(counts[1])
    assert there.findings.equals(here.findings)
    assert there.summary == here.summary
