"""Selected rows: a dataset of their own in the form of the data, with a reason for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from tutelage.data.audit_options import AuditOptions
from tutelage.data.options import SourceOptions
from tutelage.errors import UserError
from tutelage.pipeline.audit import audit, selected_path, write_selected

ROWS: list[dict[str, Any]] = [
    {"instruction": f"Describe the {thing} number {number}.", "output": f"It is {thing} {number}."}
    for number in range(4)
    for thing in ("bridge", "violin", "glacier")
]


def jsonl(path: Path, rows: list[dict[str, Any]]) -> SourceOptions:
    path.write_bytes(b"\n".join(orjson.dumps(row) for row in rows) + b"\n")
    return SourceOptions(path=path.name)


def chosen(by: str, count: int, **rest: Any) -> AuditOptions:
    return AuditOptions(only=["exact_duplicate"], select=count, select_by=by, **rest)


def test_one_file_gives_one_file_in_its_order(tmp_path: Path) -> None:
    source, out = jsonl(tmp_path / "rows.jsonl", ROWS), tmp_path / "out"
    found = audit([source], out, chosen("facility_location", 3), base=tmp_path)
    path = write_selected([source], found, out, tmp_path)
    assert path == out / "selected.jsonl"
    written = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    table = pl.read_parquet(out / "selection.parquet")
    assert table.columns == ["row", "source", "rank", "quality", "reason"]
    assert table["rank"].to_list() == [0, 1, 2]
    assert written == [ROWS[row] for row in sorted(table["row"])]
    assert {row["instruction"].split()[2] for row in written} == {"bridge", "violin", "glacier"}


def test_several_files_give_a_folder(tmp_path: Path) -> None:
    sources = [jsonl(tmp_path / f"{name}.jsonl", ROWS) for name in ("a", "b")]
    found = audit(sources, tmp_path / "out", chosen("random", 20), base=tmp_path)
    path = write_selected(sources, found, tmp_path / "out", tmp_path)
    assert path == tmp_path / "out" / "selected"
    lines = [len((path / f"{name}.jsonl").read_bytes().splitlines()) for name in ("a", "b")]
    assert sum(lines) == 20
    table = pl.read_parquet(tmp_path / "out" / "selection.parquet")
    assert lines == [(table["source"] == f"{name}.jsonl").sum() for name in ("a", "b")]


def test_files_of_an_earlier_selection_do_not_stay(tmp_path: Path) -> None:
    sources = [jsonl(tmp_path / f"{name}.jsonl", ROWS) for name in ("a", "b")]
    for count in (24, 1):
        found = audit(sources, tmp_path / "out", chosen("random", count), base=tmp_path)
        path = write_selected(sources, found, tmp_path / "out", tmp_path)
    assert found.selection is not None
    assert [file.name for file in path.iterdir()] == found.selection["source"].to_list()


def test_a_file_beside_the_others_keeps_its_compression(tmp_path: Path) -> None:
    source = SourceOptions(path="my.rows.jsonl.gz")
    (tmp_path / source.path).write_bytes(b"")
    assert selected_path([source], tmp_path / "out", tmp_path).name == "selected.jsonl.gz"


def test_rows_with_errors_are_not_selected(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "rows.jsonl", [*ROWS, ROWS[0], ROWS[1]])
    options = chosen("k_centre", 12, severity={"exact_duplicate": "error"})
    table = audit([source], tmp_path / "out", options, base=tmp_path).selection
    assert table is not None
    assert sorted(table["row"]) == list(range(12))


def test_what_cannot_be_selected_is_told(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "rows.jsonl", ROWS)
    for options, what in (
        (chosen("facility_location", 99), "99 rows are to be selected, and 12 are fit"),
        (chosen("k_center", 2), "k_center"),
        (chosen("k_centre", 2, rules_only=True), "only rules are asked for"),
    ):
        with pytest.raises(UserError, match=what):
            audit([source], tmp_path / "out", options, base=tmp_path)
