"""What an audit leaves out is left out by every command, and the ledger says so."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tutelage.data.options import DataOptions, SubsetOptions
from tutelage.errors import UserError
from tutelage.pipeline import prepared_key
from tutelage.pipeline.audited import audited, keep_audit, load_rows

OWN = """
from tutelage.curate import CHECKS, Check, matches

@CHECKS.register("{name}")
class Own(Check):
    severity = "error"
    title = "Response is bad"
    suggestion = "leave it out"

    def find(self, batch):
        return matches(batch.of("response"), "{pattern}", "bad")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUTELAGE_CACHE", str(tmp_path / "cache"))
    rows = [{"instruction": f"q{n}?", "output": "BAD" if n % 4 == 0 else "fine"} for n in range(12)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return tmp_path


def options(folder: Path, before: str, pattern: str = "BAD") -> DataOptions:
    name = f"own_{folder.name}_{pattern}".lower()
    own = folder / f"{pattern}.py"
    own.write_text(OWN.format(name=name, pattern=pattern))
    audit = {"before_training": before, "own": [str(own)], "only": [name]}
    train = [{"path": str(folder / "a.jsonl")}]
    return DataOptions.model_validate(
        {"train": train, "validation": 0, "test": 0, "audit": audit, "max_lost": 0}
    )


def test_errors_are_left_out_and_marked(folder: Path) -> None:
    splits = load_rows(options(folder, "drop"))
    assert [example.source.row for example in splits.train] == [1, 2, 3, 5, 6, 7, 9, 10, 11]
    assert splits.ledger.reasons() == {"audit_error": 3}
    splits.ledger.check(0)  # left out on purpose is not lost


@pytest.mark.parametrize("before", ["no", "tell"])
def test_telling_leaves_nothing_out(folder: Path, before: str) -> None:
    assert len(load_rows(options(folder, before)).train) == 12


def test_the_run_keeps_what_was_found(folder: Path) -> None:
    keep_audit(options(folder, "tell"), folder / "run" / "audit")
    summary = orjson.loads((folder / "run/audit/audit.json").read_bytes())
    assert summary["counts"]["error"] == 3


def test_an_audit_is_made_once_and_never_stale(folder: Path) -> None:
    first = audited(options(folder, "drop"))
    assert audited(options(folder, "drop")) == first
    assert audited(options(folder, "drop", "fine")) != first
    with (folder / "a.jsonl").open("ab") as file:
        file.write(b'\n{"instruction": "new?", "output": "BAD"}')
    again = options(folder, "drop")
    assert audited(again) != first
    assert len(load_rows(again).ledger) == 13


def test_every_subset_has_the_audit_of_the_whole(folder: Path) -> None:
    whole = options(folder, "drop")
    part = whole.model_copy(update={"subset": SubsetOptions(examples=4)})
    assert audited(part) == audited(whole)
    splits = load_rows(part)
    assert len(splits.train) == 4
    assert splits.ledger.reasons() == {"audit_error": 3, "not_sampled": 5}


def test_rows_that_cannot_be_read_stay_lost(folder: Path) -> None:
    with (folder / "a.jsonl").open("ab") as file:
        file.write(b'\n{"instruction": "no answer?"}' * 9)
    splits = load_rows(options(folder, "drop"))
    assert splits.ledger.reasons() == {"audit_error": 3, "missing_field": 9}
    with pytest.raises(UserError):
        splits.ledger.check(0.01)


def test_a_file_that_is_read_twice_keeps_its_first_reading(folder: Path) -> None:
    train = [{"path": str(folder / "a.jsonl")}] * 2
    audit = {"before_training": "drop", "only": ["exact_duplicate"], "severity": {}}
    asked = {"train": train, "validation": 0, "test": 0, "audit": audit}
    splits = load_rows(DataOptions.model_validate(asked))
    assert [example.source.row for example in splits.train] == list(range(12))
    assert splits.ledger.reasons() == {"audit_error": 12}


def test_another_extra_is_another_audit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = options(folder, "drop").audit
    before = prepared_key.audit_digest(asked)
    monkeypatch.setattr(prepared_key, "_installed", lambda library: f"no {library}")
    assert prepared_key.audit_digest(asked) != before
