"""An audit reads whatever there is, counts it, and says the same in one process and in several."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import polars as pl
import pytest

from tutelage.constraints import CONSTRAINTS
from tutelage.curate.check import CHECKS
from tutelage.data.audit_options import AuditOptions
from tutelage.data.options import SourceOptions
from tutelage.data.rows import MAX_ROW_BYTES
from tutelage.errors import UserError
from tutelage.pipeline.audit import audit, parts
from tutelage.pipeline.audit.options import asked

OWN = """
from tutelage.curate import CHECKS, Check, matches

@CHECKS.register("{name}")
class Shouting(Check):
    title = "Response shouts"
    suggestion = "write it calmly"

    def find(self, batch):
        return matches(batch.of("response"), "[A-Z]{{4,}}", "four capitals or more")
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[AuditOptions]:
    """Options that run one check, from a file of the user's own."""
    name = f"shouting_{tmp_path.name}"
    (tmp_path / "own.py").write_text(OWN.format(name=name))
    yield AuditOptions(own=["own.py"], only=[name])
    CHECKS.forget(name)


def row(number: int, output: str = "fine") -> dict[str, str]:
    return {"instruction": f"Say something about {number}.", "output": output}


def write(path: Path, rows: Sequence[object]) -> SourceOptions:
    path.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return SourceOptions(path=path.name)


def test_findings_name_file_row_field_and_span(tmp_path: Path, own: AuditOptions) -> None:
    first = write(tmp_path / "a.jsonl", [row(0), row(1, "no, STOP it"), row(2, "")])
    second = write(tmp_path / "b.jsonl", [row(3, "LOUD")])
    found = audit([first, second], tmp_path / "out", own, base=tmp_path)
    named = found.findings.select("source", "row", "field", "evidence", "start", "end").rows()
    assert sorted(named, key=str) == [
        ("a.jsonl", 1, "output", "STOP", 4, 8),
        ("a.jsonl", 2, "output", None, None, None),
        ("b.jsonl", 0, "output", "LOUD", 0, 4),
    ]
    written = orjson.loads((tmp_path / "out/audit.json").read_bytes())
    assert written["rows"] == 4
    assert written["counts"] == {"error": 1, "warning": 2, "info": 0, "clean": 1}
    assert sum(written["counts"].values()) == written["rows"]
    assert len(written["findings"]) == 3
    assert pl.read_parquet(tmp_path / "out/findings.parquet").height == 3
    assert not (tmp_path / "out/parts").exists()


def test_several_processes_find_the_same(
    tmp_path: Path, own: AuditOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.jsonl", [row(n, "LOUD" if n % 3 else "calm") for n in range(40)])
    whole = audit([source], tmp_path / "one", own, base=tmp_path)
    monkeypatch.setattr(parts, "PART_ROWS", 7)
    cut = audit([source], tmp_path / "two", own, base=tmp_path)
    assert cut.findings.equals(whole.findings)
    assert cut.summary == whole.summary


def test_a_broken_shard_does_not_end_the_rest(tmp_path: Path, own: AuditOptions) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    write(shards / "1.jsonl", [row(0, "LOUD")])
    (shards / "2.jsonl.gz").write_bytes(gzip.compress(orjson.dumps(row(1)) * 50)[:-20])
    (shards / "3.jsonl").write_bytes(b"\xff\xfe\x00 not text")
    (shards / "4.jsonl").write_bytes(
        orjson.dumps(row(2)) + b'\n{"instruction": "x\xff", "output": 1}'
    )
    write(shards / "5.jsonl", [row(3, "LOUD")])
    found = audit([SourceOptions(path="shards")], tmp_path / "out", own, base=tmp_path)
    assert found.findings.filter(pl.col("evidence") == "LOUD").height == 2
    broken = found.findings.filter(pl.col("evidence").is_null())
    assert set(broken["source"]) >= {"shards/2.jsonl.gz", "shards/3.jsonl", "shards/4.jsonl"}
    assert all(broken["detail"].str.len_chars() > 0)


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "photo.jsonl").write_bytes(bytes(range(256)) * 10)
    with pytest.raises(UserError, match="not UTF-8"):
        audit([SourceOptions(path="photo.jsonl")], tmp_path / "out", base=tmp_path)


def test_unknown_checks_are_told_with_the_nearest(tmp_path: Path, own: AuditOptions) -> None:
    source = write(tmp_path / "a.jsonl", [row(0)])
    options = AuditOptions(own=own.own, only=["shoutin_*x"])
    with pytest.raises(UserError, match=r"unknown check 'shoutin_\*x'"):
        audit([source], tmp_path / "out", options, base=tmp_path)


def test_what_was_examined_stays_examined(
    tmp_path: Path, own: AuditOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it concludes, an audit takes up the parts it has; changed rows it does not."""
    monkeypatch.setattr(parts, "PART_ROWS", 2)
    source = write(tmp_path / "a.jsonl", [row(0, "LOUD"), row(1), row(2), row(3)])
    out = tmp_path / "out"
    from tutelage.pipeline.audit import engine, job

    with monkeypatch.context() as killing:
        killing.setattr(job, "summary", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            audit([source], out, own, base=tmp_path)
    write(tmp_path / "a.jsonl", [row(0, "LOUD"), row(1), row(2), row(3, "LOUD")])
    examined = []
    examine = engine.examine
    monkeypatch.setattr(
        engine,
        "examine",
        lambda batch, chosen: examined.append(batch.first) or examine(batch, chosen),
    )
    found = audit([source], out, own, base=tmp_path)
    assert examined == [2]
    assert found.findings["row"].to_list() == [0, 3]


def test_rows_of_another_schema_and_giant_rows_are_named(tmp_path: Path, own: AuditOptions) -> None:
    giant = {"instruction": "x", "output": "y" * (MAX_ROW_BYTES + 1)}
    rows = [row(0, "LOUD"), {"question": "why?", "answer": "so"}, giant, row(3), ["no", "row"]]
    source = write(tmp_path / "a.jsonl", rows)
    found = audit([source], tmp_path / "out", own, base=tmp_path)
    named = found.findings.filter(pl.col("evidence").is_null()).select("row", "check").rows()
    assert named == [(1, "missing_field"), (2, "too_large"), (4, "not_a_row")]
    assert found.summary["rows"] == 5
    assert found.summary["readable"] == 2
    assert found.findings.filter(pl.col("evidence") == "LOUD")["row"].to_list() == [0]


def test_many_small_files_are_one_dataset(tmp_path: Path, own: AuditOptions) -> None:
    (tmp_path / "many").mkdir()
    for number in range(300):
        write(tmp_path / "many" / f"{number:03}.jsonl", [row(number, "LOUD")])
    found = audit([SourceOptions(path="many")], tmp_path / "out", own, base=tmp_path)
    assert found.findings.height == len(found.summary["files"]) == 300


def test_own_checks_of_one_audit_are_not_those_of_another(
    tmp_path: Path, own: AuditOptions
) -> None:
    source = write(tmp_path / "a.jsonl", [row(0, "LOUD")])
    assert audit([source], tmp_path / "one", own, base=tmp_path).findings.height == 1
    other = audit([source], tmp_path / "two", AuditOptions(rules_only=True), base=tmp_path)
    assert not set(other.findings["check"]) & set(own.only)
    assert not set(other.summary["skipped"]) & set(own.only)


BROKEN = """
from tutelage.curate import CHECKS, Check

@CHECKS.register("{name}")
class Broken(Check):
    title = "Broken"
    suggestion = "mend it"

    def find(self, batch):
        return {returned}
"""


@pytest.mark.parametrize("returned", ["1 / 0", "batch.rows", "None"])
def test_a_broken_check_of_ones_own_is_told(
    tmp_path: Path, returned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"broken_{abs(hash(returned))}"
    (tmp_path / "own.py").write_text(BROKEN.format(name=name, returned=returned))
    source = write(tmp_path / "a.jsonl", [row(n) for n in range(9)])
    options = AuditOptions(own=["own.py"], only=[name])
    for rows in (8192, 2):  # here, and in processes
        monkeypatch.setattr(parts, "PART_ROWS", rows)
        with pytest.raises(UserError, match=f"the check {name} of your own"):
            audit([source], tmp_path / str(rows), options, base=tmp_path)
    CHECKS.forget(name)


def test_a_failing_file_of_ones_own_leaves_no_check(tmp_path: Path) -> None:
    name = f"half_{tmp_path.name}"
    (tmp_path / "own.py").write_text(OWN.format(name=name) + "\n1 / 0\n")
    source = write(tmp_path / "a.jsonl", [row(0)])
    for _ in range(2):  # the second look is told the same
        with pytest.raises(UserError, match="ZeroDivisionError"):
            audit([source], tmp_path / "out", AuditOptions(own=["own.py"]), base=tmp_path)
        assert name not in CHECKS.names()


KIND = """
from tutelage.constraints import CONSTRAINTS, Constraint

@CONSTRAINTS.register("{name}")
class Shouts(Constraint):
    def holds(self, response, prompt):
        return response.isupper()
"""


@pytest.mark.parametrize("by_recipe", [True, False])
def test_an_audit_knows_the_kinds_that_evaluation_knows(
    tmp_path: Path, by_recipe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of a run carry constraints of a kind of one's own."""
    name = f"own:shouts_{tmp_path.name}"
    (tmp_path / "kinds.py").write_text(KIND.format(name=name))
    wanted = {"instruction_id_list": [name], "kwargs": [{}]}
    write(tmp_path / "a.jsonl", [row(0, "YES") | wanted, row(1, "no") | wanted])
    (tmp_path / "recipe.yaml").write_text("data: {train: [a.jsonl]}\n")
    monkeypatch.chdir(tmp_path)
    settings = ["evaluate.own_constraints=[kinds.py]", "data.audit.only=[constraint_not_met]"]
    options, base = asked(["recipe.yaml" if by_recipe else "a.jsonl"], settings)
    try:
        found = audit(options.train, tmp_path / "out", options.audit, base=base)
        assert found.findings["row"].to_list() == [1]
        assert found.findings["detail"].to_list() == [f"the row's constraint {name}"]
    finally:
        CONSTRAINTS.forget(name)
