"""A cleaned copy: the same form, errors mended or left out, and a ledger from old rows to new."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import matches
from tutelage.data.audit_options import AuditOptions
from tutelage.data.options import SourceOptions
from tutelage.data.reading import Reading, stream
from tutelage.data.sources import origins
from tutelage.data.sources.writers import write_rows
from tutelage.errors import UserError
from tutelage.pipeline.audit import audit, check_target, clean


@pytest.fixture
def options() -> Iterator[AuditOptions]:
    """One check that can mend, one that cannot, and one that only warns."""

    class Mends(Check):
        severity, title, suggestion = "error", "tab", "use a space"

        def find(self, batch: Any) -> pl.DataFrame:
            return matches(batch.texts, "~", "a wave")

        def fix(self, text: str) -> str:
            return text.replace("~", "-")

    class Cuts(Check):
        severity, title, suggestion = "error", "tail", "cut it"

        def find(self, batch: Any) -> pl.DataFrame:
            return matches(batch.texts, r"\|.*|~end.*", "a tail")

        def fix(self, text: str) -> str | None:
            found = re.search(r"\|.*|~end.*", text)
            return text[: found.start()] if found else None

    class Drops(Check):
        severity, title, suggestion = "error", "bad", "leave it out"

        def find(self, batch: Any) -> pl.DataFrame:
            return matches(batch.of("response"), "BAD", "bad")

    class Warns(Check):
        severity, title, suggestion = "warning", "odd", "look"

        def find(self, batch: Any) -> pl.DataFrame:
            return matches(batch.of("response"), "odd", "odd")

    made = {"made_mends": Mends, "made_zcuts": Cuts, "made_drops": Drops, "made_warns": Warns}
    for name, check in made.items():
        CHECKS.register(name)(check)
    yield AuditOptions(only=["made_*"])
    for name in made:
        CHECKS.forget(name)


ROWS = [
    {"instruction": "a?", "output": "fine", "id": 1},
    {"instruction": "b~?", "output": "odd ~", "id": 2},
    {"instruction": "c?", "output": "BAD", "id": 3},
    {"instruction": "d?", "output": "", "id": 4},
    {"instruction": "e?", "output": "odd", "id": 5},
]
CLEAN = [ROWS[0], {"instruction": "b-?", "output": "odd -", "id": 2}, ROWS[4]]


def cleaned(folder: Path, name: str, options: AuditOptions, out: str) -> dict[str, int]:
    source = [SourceOptions(path=name)]
    found = audit(source, folder / "audit", options, base=folder)
    return clean(source, found, folder / out, folder)


def read(folder: Path, name: str) -> list[Any]:
    rows = stream([SourceOptions(path=name)], folder)
    return [dict(row.values) for row in rows if isinstance(row, Reading)]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.jsonl.gz", "a.parquet", "a.csv", "a.tsv"])
def test_each_form_stays_what_it_is(tmp_path: Path, name: str, options: AuditOptions) -> None:
    path = tmp_path / name
    lines = b"\n".join(map(orjson.dumps, ROWS))
    match name:
        case "a.json":
            path.write_bytes(orjson.dumps(ROWS))
        case "a.jsonl":
            path.write_bytes(lines)
        case "a.jsonl.gz":
            path.write_bytes(gzip.compress(lines))
        case "a.parquet":
            pl.DataFrame(ROWS).write_parquet(path)
        case _:
            pl.DataFrame(ROWS).write_csv(path, separator="," if name == "a.csv" else "\t")
    counts = cleaned(tmp_path, name, options, f"new/{name}")
    assert counts == {"kept": 2, "changed": 1, "dropped": 2}
    as_read = [
        {key: str(value) for key, value in row.items()} for row in read(tmp_path, f"new/{name}")
    ]
    assert as_read == [{key: str(value) for key, value in row.items()} for row in CLEAN]
    ledger = pl.read_parquet(next((tmp_path / "new").glob("*.ledger.parquet")))
    assert ledger.select("row", "new_row", "fate").rows() == [
        (0, 0, "kept"),
        (1, 1, "changed"),
        (2, None, "dropped"),
        (3, None, "dropped"),
        (4, 2, "kept"),
    ]
    assert ledger["checks"].to_list()[2] == ["made_drops"]


def test_records_of_several_rows_keep_those_that_are_left(
    tmp_path: Path, options: AuditOptions
) -> None:
    instances = [{"input": "1", "output": "fine"}, {"input": "2", "output": "BAD"}]
    task = {"Definition": "Say it~.", "Instances": instances}
    (tmp_path / "task.json").write_bytes(orjson.dumps(task))
    cleaned(tmp_path, "task.json", options, "new.json")
    (left,) = orjson.loads((tmp_path / "new.json").read_bytes())
    assert left == {"Definition": "Say it-.", "Instances": [instances[0]]}


def test_turns_are_mended_where_they_stand(tmp_path: Path, options: AuditOptions) -> None:
    turns = [{"role": "user", "content": "Hi~"}, {"role": "assistant", "content": "a ~ b"}]
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps({"messages": turns}))
    cleaned(tmp_path, "a.jsonl", options, "new.jsonl")
    (row,) = read(tmp_path, "new.jsonl")
    assert [turn["content"] for turn in row["messages"]] == ["Hi-", "a - b"]


def test_what_one_check_has_mended_is_no_error_of_another(
    tmp_path: Path, options: AuditOptions
) -> None:
    row = {"instruction": "a?", "output": "fine ~end of it"}
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps(row))
    assert cleaned(tmp_path, "a.jsonl", options, "new.jsonl")["changed"] == 1
    assert read(tmp_path, "new.jsonl") == [{**row, "output": "fine -end of it"}]


def test_a_field_with_null_characters_is_mended_too(tmp_path: Path, options: AuditOptions) -> None:
    row = {"instruction": "a?", "output": "so ~ \0 so"}
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps(row))
    assert cleaned(tmp_path, "a.jsonl", options, "new.jsonl")["changed"] == 1
    assert read(tmp_path, "new.jsonl")[0]["output"].startswith("so - ")


def test_a_folder_gets_a_file_for_each(tmp_path: Path, options: AuditOptions) -> None:
    (tmp_path / "d").mkdir()
    for name in ("x.jsonl", "y.jsonl"):
        (tmp_path / "d" / name).write_bytes(b"\n".join(map(orjson.dumps, ROWS)))
    cleaned(tmp_path, "d", options, "new")
    assert read(tmp_path, "new/d/x.jsonl") == read(tmp_path, "new/d/y.jsonl") == CLEAN
    assert pl.read_parquet(tmp_path / "new.ledger.parquet").height == 10


@pytest.mark.parametrize(
    ("names", "out", "said"),
    [
        (["a.jsonl"], "a.jsonl", "would overwrite"),
        (["a.jsonl", "b.jsonl"], "c.jsonl", "2 files were audited"),
        (["a.jsonl"], "c.conll", "not written as '.conll'"),
    ],
)
def test_mistakes_are_told_before_the_audit(
    tmp_path: Path, names: list[str], out: str, said: str
) -> None:
    for name in names:
        (tmp_path / name).write_bytes(orjson.dumps(ROWS[0]))
    sources = [SourceOptions(path=name) for name in names]
    with pytest.raises(UserError, match=said):
        check_target(sources, tmp_path / out, tmp_path)


def test_a_copy_overwrites_no_file_that_was_audited(tmp_path: Path) -> None:
    here = tmp_path / "here"
    for path in (tmp_path / "x/a.jsonl", here / "out/a.jsonl"):
        path.parent.mkdir(parents=True)
        path.write_bytes(orjson.dumps(ROWS[0]))
    sources = [SourceOptions(path="../x/a.jsonl"), SourceOptions(path="out/a.jsonl")]
    with pytest.raises(UserError, match="would overwrite"):
        check_target(sources, here / "out", here)


@pytest.mark.parametrize("suffix", ["tsv", "csv"])
def test_cells_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    rows = [{"a": '"Dune"', "b": "x\u2028y"}, {"b": "second", "a": "first"}]
    path = tmp_path / f"new.{suffix}"
    write_rows(path, rows)
    (origin,) = origins(SourceOptions(path=path.name), tmp_path)
    assert [record.values for record in origin.records()] == [
        rows[0],
        {"a": "first", "b": "second"},
    ]


def test_a_parquet_column_may_begin_empty(tmp_path: Path) -> None:
    rows = [{"a": "x", "b": None}] * 10_001 + [{"a": "x", "b": "text"}]
    write_rows(tmp_path / "new.parquet", rows)
    assert pl.read_parquet(tmp_path / "new.parquet")["b"].to_list()[-1] == "text"
