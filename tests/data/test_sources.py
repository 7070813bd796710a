"""Files of every kind give the same rows, and every hostile file its clear outcome."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
import zstandard

from tutelage.data import Fate, Source, Splits, load
from tutelage.data.options import DataOptions, SourceOptions
from tutelage.data.rows import MAX_ROW_BYTES
from tutelage.errors import UserError

ROWS = [
    {"instruction": "Say hi.", "input": "", "output": "Hi, “you”!"},
    {"instruction": "Say\nbye,\tand go.", "input": '"now"', "output": "Bye; bye."},
    {"instruction": "naïve 日本 👩‍👧", "input": "NA", "output": "007"},
]
JSONL = b"\n".join(orjson.dumps(row) for row in ROWS)
GOOD = b'{"instruction": "a", "output": "b"}'


def csv_of(rows: list[dict[str, str]], separator: str) -> bytes:
    return pl.DataFrame(rows).write_csv(separator=separator).encode()


def parquet_of(rows: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(rows).write_parquet(buffer)
    return buffer.getvalue()


ONE_LINE = [
    {key: text.replace("\n", " ").replace("\t", " ") for key, text in row.items()} for row in ROWS
]
KINDS = {
    "rows.jsonl": (JSONL, ROWS),
    "rows.ndjson": (JSONL.replace(b"\n", b"\r\n\r\n"), ROWS),
    "lines.json": (JSONL, ROWS),
    "array.jsonl": (orjson.dumps(ROWS, option=orjson.OPT_INDENT_2), ROWS),
    "rows.json": (orjson.dumps(ROWS), ROWS),
    "wrapped.json": (orjson.dumps({"version": 1, "tags": ["x"], "data": ROWS}), ROWS),
    "marked.json": (b"\xef\xbb\xbf" + orjson.dumps(ROWS), ROWS),
    "marked.jsonl": (b"\xef\xbb\xbf" + JSONL, ROWS),
    "rows.csv": (csv_of(ROWS, ","), ROWS),
    "marked.csv": (b"\xef\xbb\xbf" + csv_of(ROWS, ","), ROWS),
    "semicolons.csv": (csv_of(ROWS, ";"), ROWS),
    "crlf.csv": (csv_of(ONE_LINE, ",").replace(b"\n", b"\r\n"), ONE_LINE),
    "rows.tsv": (csv_of(ONE_LINE, "\t"), ONE_LINE),
    "rows.parquet": (parquet_of(ROWS), ROWS),
}
COMPRESSIONS = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def read(folder: Path, path: str, **options: Any) -> Splits:
    source = SourceOptions(path=path, **options)
    return load(DataOptions(train=[source], validation=0, test=0), folder)


def texts(splits: Splits) -> list[tuple[str, ...]]:
    return [tuple(message.content for message in example.messages) for example in splits.train]


def expected(rows: list[dict[str, str]]) -> list[tuple[str, ...]]:
    joined = [
        f"{row['instruction']}\n\n{row['input']}" if row["input"] else row["instruction"]
        for row in rows
    ]
    return [(prompt, row["output"]) for prompt, row in zip(joined, rows, strict=True)]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_gives_the_same_rows(
    name: str, compression: str, tmp_path: Path
) -> None:
    data, rows = KINDS[name]
    (tmp_path / (name + compression)).write_bytes(COMPRESSIONS[compression](data))
    splits = read(tmp_path, name + compression)
    assert texts(splits) == expected(rows)
    assert splits.ledger.counts()["kept"] == len(splits.ledger) == 3


def test_compression_is_known_by_content_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(gzip.compress(JSONL))
    (tmp_path / "b.jsonl.gz").write_bytes(JSONL)
    assert texts(read(tmp_path, "a.jsonl")) == texts(read(tmp_path, "b.jsonl.gz"))


def test_several_gzip_members_and_zstd_frames_are_all_read(tmp_path: Path) -> None:
    for suffix in (".gz", ".zst"):
        parts = [COMPRESSIONS[suffix](orjson.dumps(row) + b"\n") for row in ROWS]
        (tmp_path / f"a.jsonl{suffix}").write_bytes(b"".join(parts))
        assert texts(read(tmp_path, f"a.jsonl{suffix}")) == expected(ROWS)


def test_conll_sentences(tmp_path: Path) -> None:
    (tmp_path / "ner.conll").write_text(
        "# note\n-DOCSTART- -X- O\n\nAnn NNP B-per\nhums VBZ O\n\t\n#tag\tO\nOslo\tB-loc\n\n\n",
        encoding="utf-8",
    )
    splits = read(tmp_path, "ner.conll")
    assert [tuple(e.messages[0].content.split("\n\n")[1:]) for e in splits.train] == [
        ("Ann hums",),
        ("#tag Oslo",),
    ]
    assert [e.response for e in splits.train] == ["B-per O", "O B-loc"]
    assert all("Types: loc, per." in e.messages[0].content for e in splits.train)


# ------------------------------------------------------------------ names and places


def test_folders_and_globs_come_sorted_and_named_from_the_recipe(tmp_path: Path) -> None:
    for name in ("d/b.jsonl", "d/a.jsonl.gz", "d/deep/c.json", "d/README.md", "d/.x/h.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(GOOD)
    files = ["d/a.jsonl.gz", "d/b.jsonl", "d/deep/c.json"]
    assert [e.source.file for e in read(tmp_path, "d").train] == files
    assert [e.source.file for e in read(tmp_path, "d/*.jsonl*").train] == files[:2]
    assert [e.source.file for e in read(tmp_path, "d/**/*.json").train] == files[2:]
    assert [e.source.file for e in read(tmp_path, str(tmp_path / "d")).train] == files
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    absolute = [e.source.file for e in read(elsewhere, str(tmp_path / "d/b.jsonl")).train]
    assert absolute == [(tmp_path / "d/b.jsonl").as_posix()]


def test_a_file_named_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].parquet").write_bytes(parquet_of(ROWS))
    assert len(read(tmp_path, "a[1].parquet").train) == 3


@pytest.mark.parametrize(
    ("path", "task"),
    [
        ("alpaca.json", "alpaca"),
        ("gsm8k/train.jsonl", "gsm8k"),
        ("dialogsum/dialogsum.dev.jsonl.gz", "dialogsum"),
        ("x/train-00000-of-00002.parquet", "x"),
        ("x/tests.jsonl", "tests"),
        ("x/xquad.en.json", "xquad.en"),
    ],
)
def test_the_task_comes_from_the_name_of_the_file(path: str, task: str, tmp_path: Path) -> None:
    (tmp_path / path).parent.mkdir(exist_ok=True)
    data = parquet_of(ROWS) if "parquet" in path else JSONL
    (tmp_path / path).write_bytes(data)
    assert {e.task for e in read(tmp_path, path).train} == {task}


def test_a_file_read_twice_has_rows_of_its_own_each_time(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(JSONL)
    source = SourceOptions(path="a.jsonl")
    splits = load(DataOptions(train=[source, source], validation=0, test=0), tmp_path)
    assert len(splits.ledger) == 6
    assert {e.source.file for e in splits.train} == {"a.jsonl", "a.jsonl (reading 2)"}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("rows.json", "did you mean rows.jsonl"),
        ("none/*.json", "no such file"),
        ("empty", "holds no data file"),
        ("rows.xlsx", "unknown kind of file '.xlsx'"),
        ("a\0b", "no such file"),
        ("x" * 5000, "too long"),
        ("hub:gsm8k", "hub:owner/name"),
    ],
)
def test_a_path_that_leads_nowhere(path: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(JSONL)
    (tmp_path / "rows.xlsx").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "README.md").write_text("nothing")
    with pytest.raises(UserError) as caught:
        read(tmp_path, path)
    assert said in str(caught.value)


# ------------------------------------------------------------------ hostile files


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.jsonl", b"", "the file is empty"),
        ("a.json", b" \n\n ", "the file is empty"),
        ("a.csv", b"", "the first line must name the columns"),
        ("a.csv", b"instruction,output\n", "holds no rows"),
        ("a.tsv", b"", "the first line must name the columns"),
        ("a.conll", b"\n\n", "holds no sentence"),
        ("a.parquet", b"", "not a Parquet file"),
        ("a.json", b"[]", "its array is empty"),
        ("a.json", b'[{"instruction": "a", }]', "not valid JSON"),
        ("a.json", b"[" * 5000 + b"]" * 5000, "not valid JSON"),
        ("a.json", b"[1, 2]", "found 1, expected an object"),
        ("a.jsonl", b"nothing\nhere\n", "none of its first 2 rows can be read; line 1: found"),
        ("a.jsonl", GOOD + b'\n{"output": "caf\xe9"}', "a.jsonl line 2, byte 51: byte 0xe9 is not"),
        ("a.json", b'[\n{"output": "caf\xe9"}]', "a.json line 2, byte 17: byte 0xe9 is not UTF-8"),
        ("a.csv", b"instruction,output\na,caf\xe9\n", "a.csv line 2, byte 24: byte 0xe9"),
        ("a.jsonl", GOOD.decode().encode("utf-16"), "may be UTF-16"),
        ("a.csv", b"a,b,a\n1,2,3\n", "two columns are called 'a'"),
        ("a.csv", b'instruction,output\n"a,b\nc,d\n', "never closed"),
        ("a.jsonl.gz", gzip.compress(JSONL * 99)[:-20], "broken or cut off"),
        ("a.jsonl.zst", COMPRESSIONS[".zst"](JSONL * 99)[:-20], "cut off"),
        ("a.jsonl.gz", b"\x1f\x8b" + b"nonsense" * 9, "broken or cut off"),
        ("a.parquet", parquet_of(ROWS)[:-30], "not readable as Parquet"),
        ("a.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", "not readable as Parquet"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    name: str, data: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError) as caught:
        read(tmp_path, name)
    assert said in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("line", "reason", "said"),
    [
        (b'{"instruction": "a", "output": }', "not_json", "line 2: found"),
        (b'{"instruction": "a", "output": "\\ud800"}', "not_json", "surrogate"),
        (b'{"instruction": NaN, "output": "\\ud800"}', "not_json", "surrogate"),
        (b'{"instruction": "a", "output": "b\0"}', "not_json", "line 2: found"),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "not_json", "depth"),
        (b'{"a": NaN, "b": ' + b"[" * 99999 + b"]" * 99999 + b"}", "not_json", "deep"),
        (b"[1, 2]", "not_a_row", "row: found a list of 2, expected an object"),
        (b'"text"', "not_a_row", "row: found 'text'"),
        (b'{"instruction": "a", "output": NaN}', "missing_field", "output: found"),
        (b'{"instruction": "a"}', "missing_field", "output: found no such field, expected text"),
        (b'{"instruction": "a", "output": ["b"]}', "wrong_value", "output: found a list of 1"),
        (b'{"instruction": "a", "output": ""}', "empty_field", "output: found ''"),
    ],
)
def test_a_bad_line_is_one_lost_row(line: bytes, reason: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([GOOD, line, GOOD]))
    splits = read(tmp_path, "a.jsonl")
    assert [e.source.row for e in splits.train] == [0, 2]
    assert splits.ledger.reasons() == {reason: 1}
    (row,) = splits.ledger.table().filter(fate="dropped").iter_rows(named=True)
    assert (row["file"], row["row"]) == ("a.jsonl", 1)
    assert said in row["details"][0]
    with pytest.raises(UserError, match=r"a\.jsonl row 1: "):
        splits.ledger.check(0.01)


@pytest.mark.parametrize(
    "line",
    [
        b'{"instruction": "a", "input": NaN, "output": "b", "score": -Infinity}',
        b'{"instruction": "other", "instruction": "a", "output": "b"}',
        GOOD[:-1] + b', "id": 1}\n' + GOOD[:-1] + b', "id": 1}',
        b'{"instruction": "a", "output": "b", "deep": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"instruction": "a", "output": "b", "big": 123456789012345678901234567890}',
    ],
)
def test_odd_lines_that_can_be_read_are(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(line)
    splits = read(tmp_path, "a.jsonl")
    assert set(texts(splits)) == {("a", "b")}
    assert splits.ledger.counts()["kept"] == len(splits.ledger) == line.count(b"\n") + 1


def test_null_characters_are_removed_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"instruction": "a\\u0000", "output": "b"}')
    (tmp_path / "a.csv").write_bytes(b"instruction,output\na\0,b\n")
    for name in ("a.jsonl", "a.csv"):
        splits = read(tmp_path, name)
        assert texts(splits) == [("a", "b")]
        assert splits.ledger.reasons() == {"null_removed": 1}


def test_rows_with_too_few_or_many_cells_are_lost(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'instruction,output\na,b\na\n\na,b,c\n"a"x,b\na,b\n')
    (tmp_path / "a.tsv").write_bytes(b'instruction\toutput\na\tb\na\n\na\tb\tc\n"a"x\t"b"\na\tb\n')
    table = read(tmp_path, "a.csv").ledger.table()
    assert table["fate"].to_list() == ["kept", "dropped", "dropped", "dropped", "kept"]
    assert table["details"].to_list()[1] == ["line 3: found 1 cells, expected 2 as in the header"]
    splits = read(tmp_path, "a.tsv")
    assert texts(splits) == [("a", "b"), ('"a"x', "b"), ("a", "b")]
    assert splits.ledger.reasons() == {"wrong_columns": 2}


def test_one_endless_line_costs_a_row_and_little_memory(tmp_path: Path) -> None:
    size = 100 * 2**20
    with (tmp_path / "a.jsonl").open("wb") as file:
        file.write(GOOD + b'\n{"instruction": "a", "output": "')
        for _ in range(100):
            file.write(b"x" * 2**20)
        file.write(b'"}\n' + GOOD)
    tracemalloc.start()
    splits = read(tmp_path, "a.jsonl")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [e.source.row for e in splits.train] == [0, 2]
    assert splits.ledger.reasons() == {"too_large": 1}
    detail = splits.ledger.table()["details"].to_list()[1][0]
    assert detail.startswith(f"line 2: found a line of {size + 35:,} bytes")
    assert peak < 3 * MAX_ROW_BYTES


def test_a_huge_cell_is_a_lost_row_in_any_file(tmp_path: Path) -> None:
    huge = {"instruction": "a", "output": "x" * (MAX_ROW_BYTES + 1)}
    (tmp_path / "a.parquet").write_bytes(parquet_of([*ROWS, huge]))
    assert read(tmp_path, "a.parquet").ledger.reasons() == {"too_large": 1}
    (tmp_path / "a.csv").write_bytes(csv_of([*ROWS, huge], ","))
    with pytest.raises(UserError, match=r"a line of 16,777,2\d\d bytes"):
        read(tmp_path, "a.csv")


def test_a_wrapper_of_a_conversation_is_not_taken_for_rows(tmp_path: Path) -> None:
    talk = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    (tmp_path / "one.json").write_bytes(orjson.dumps(talk, option=orjson.OPT_INDENT_2))
    assert texts(read(tmp_path, "one.json")) == [("a", "b")]


@pytest.mark.skipif(find_spec("datasets") is not None, reason="datasets is installed")
def test_the_hub_needs_its_extra(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tutelage\[hub\]"):
        read(tmp_path, "hub:owner/name")


def test_the_hub_is_read_through_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    pytest.importorskip("datasets", reason="the extra `hub` is not installed")
    monkeypatch.chdir(tmp_path)  # `datasets` takes a folder of that name for the hub's dataset
    (tmp_path / "owner" / "name").mkdir(parents=True)
    (tmp_path / "owner" / "name" / "train.jsonl").write_bytes(JSONL)
    for path in ("hub:owner/name", "hub:owner/name/default"):
        splits = read(tmp_path, path, split="train")
        assert texts(splits) == expected(ROWS)
        assert (splits.train[0].task, splits.train[0].source.file) == ("name", f"{path}#train")
    with pytest.raises(UserError, match="split nope: cannot be loaded"):
        read(tmp_path, "hub:owner/name", split="nope")


def test_every_row_read_is_in_the_ledger_once(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([GOOD, b"x", b"", GOOD]))
    seeds = [[{"input": "", "output": "o"}] * 2, []]
    rows = [{"instruction": "i", "instances": instances} for instances in seeds]
    (tmp_path / "b.json").write_bytes(orjson.dumps(rows))
    splits = read(tmp_path, "*.json*")
    assert splits.ledger.table().select("file", "row", "fate").rows() == [
        ("a.jsonl", 0, "kept"),
        ("a.jsonl", 1, "dropped"),
        ("a.jsonl", 3, "kept"),
        ("b.json", 0, "kept"),
        ("b.json", 1, "kept"),
        ("b.json", 2, "dropped"),
    ]
    assert splits.ledger.fate(Source("b.json", 2)) == Fate.DROPPED
