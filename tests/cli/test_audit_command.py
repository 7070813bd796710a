"""`tutelage audit` as it is typed: what it prints, what it leaves, how it ends."""

from __future__ import annotations

from pathlib import Path

import orjson
import polars as pl
import pytest

from commands import Commands

GOOD = [
    {"instruction": f"What is the capital of land number {n}?", "output": f"It is City {n * 7}."}
    for n in range(20)
]
BROKEN = {
    3: {"instruction": "What is on the other side of the moon?", "output": ""},
    8: {"instruction": "Work out the sum, please.", "output": "We know that 12 + 30 = 45."},
    11: {"instruction": "Who was it that came to dinner last?", "output": "It was donâ€™t know."},
    14: dict(GOOD[2]),
}
ROWS = [BROKEN.get(number, row) for number, row in enumerate(GOOD)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.jsonl").write_bytes(b"\n".join(map(orjson.dumps, ROWS)))
    (tmp_path / "good.jsonl").write_bytes(b"\n".join(map(orjson.dumps, GOOD)))
    return tmp_path


def test_it_prints_and_writes_what_is_wrong(folder: Path, command: Commands) -> None:
    said = command("audit", "data.jsonl", "--rules-only", cwd=folder)
    assert said.code == 0, said.err
    assert "of 20 rows" in said.out
    assert "false_arithmetic" in said.out
    audited = orjson.loads((folder / "audit/audit.json").read_bytes())
    found = {(one["row"], one["check"], one["field"]) for one in audited["findings"]}
    expected = {
        (3, "empty_field"),
        (8, "false_arithmetic"),
        (11, "mojibake"),
        (14, "exact_duplicate"),
    }
    assert expected <= {(row, check) for row, check, _ in found}
    assert (8, "false_arithmetic", "output") in found
    assert sum(audited["counts"].values()) == audited["rows"] == 20
    assert pl.read_parquet(folder / "audit/findings.parquet").height == len(found)


def test_json_is_what_it_writes(folder: Path, command: Commands) -> None:
    said = command("audit", "data.jsonl", "--rules-only", "--json", "--out", "o", cwd=folder)
    assert said.json() == orjson.loads((folder / "o/audit.json").read_bytes())


@pytest.mark.parametrize(("data", "code"), [("data.jsonl", 1), ("good.jsonl", 0)])
def test_fail_on_is_for_a_pipeline(folder: Path, command: Commands, data: str, code: int) -> None:
    said = command("audit", data, "--rules-only", "--fail-on", "error", cwd=folder)
    assert said.code == code, said.out


def test_the_cleaned_copy_has_no_errors_left(folder: Path, command: Commands) -> None:
    said = command("audit", "data.jsonl", "--rules-only", "--clean", "new.jsonl", cwd=folder)
    assert said.code == 0, said.err
    again = command("audit", "new.jsonl", "--rules-only", "--fail-on", "error", cwd=folder)
    assert again.code == 0, again.out
    rows = [orjson.loads(line) for line in (folder / "new.jsonl").read_bytes().splitlines()]
    assert BROKEN[3] not in rows
    assert any("don’t know" in row["output"] for row in rows)
    assert pl.read_parquet(folder / "new.ledger.parquet").height == 20


def test_rows_are_scored_and_selected_by_a_model(
    folder: Path, command: Commands, tiny_base: Path
) -> None:
    (folder / "tiny").symlink_to(tiny_base)
    scores = ("audit", "good.jsonl", "--only", "prompt_does_not_help", "--model")
    said = command(*scores, "./tiny", "--select", "1", "--select-by", "ifd", cwd=folder)
    assert said.code == 0, said.err
    known = pl.read_parquet(folder / "audit/rows.parquet")
    best = known.filter(pl.col("model.ifd") < 1).sort("model.ifd")["row"][-1]
    assert orjson.loads((folder / "audit/selected.jsonl").read_bytes()) == GOOD[best]
    wrong = command(*scores, "tinny", cwd=folder)
    assert (wrong.code, "data.audit.model" in wrong.err) == (2, True), wrong.err
    assert "did you mean tiny?" in wrong.err


def test_evaluation_items_are_found(folder: Path, command: Commands) -> None:
    item = "A farmer has seventeen sheep and all but nine of them run away in the night; how many?"
    (folder / "eval.jsonl").write_bytes(orjson.dumps({"problem": item, "solution": "nine"}))
    leak = {"instruction": f"Solve this: {item}", "output": "There are nine left."}
    with (folder / "data.jsonl").open("ab") as file:
        file.write(b"\n" + orjson.dumps(leak))
    said = command(
        "audit", "data.jsonl", "--against", "eval.jsonl", "--only", "contamination", cwd=folder
    )
    assert said.code == 0, said.err
    audited = orjson.loads((folder / "audit/audit.json").read_bytes())
    assert {one["row"] for one in audited["findings"]} == {3, 20}


def test_items_that_no_format_reads_are_found_beside_those_that_one_does(
    folder: Path, command: Commands
) -> None:
    leaks = [
        f"the lamp of hall {n} stood lit all through that long night of snow" for n in range(3)
    ]
    items = [
        {"instruction": leaks[0], "output": "yes"},
        {"instruction": leaks[1], "output": ""},
        {"problem": leaks[2]},
    ]
    (folder / "eval.jsonl").write_bytes(b"\n".join(map(orjson.dumps, items)))
    rows = [{"instruction": f"Is it true that {leak}?", "output": "Yes."} for leak in leaks]
    (folder / "leaky.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    arguments = ("leaky.jsonl", "--against", "eval.jsonl", "--only", "contamination", "--json")
    found = command("audit", *arguments, cwd=folder).json()
    assert {one["row"] for one in found["findings"]} == {0, 1, 2}


def test_what_was_found_stays_where_too_many_rows_are_selected(
    folder: Path, command: Commands
) -> None:
    arguments = ("data.jsonl", "--rules-only", "--select", "5000", "--select-by", "random")
    said = command("audit", *arguments, cwd=folder)
    assert said.code == 2
    assert "are fit to be" in said.err
    assert orjson.loads((folder / "audit/audit.json").read_bytes())["rows"] == 20


def test_a_file_that_cannot_be_read_fails(folder: Path, command: Commands) -> None:
    (folder / "many").mkdir()
    (folder / "many/1.jsonl").write_bytes((folder / "good.jsonl").read_bytes())
    (folder / "many/2.jsonl").write_bytes(b"\xff\xfe\x00")
    said = command("audit", "many", "--only", "mojibake", "--fail-on", "error", cwd=folder)
    assert said.code == 1, said.out


def test_a_recipe_is_audited_as_it_says(folder: Path, command: Commands) -> None:
    recipe = "data:\n  train: data.jsonl\n  audit:\n    only: [mojibake]\n"
    (folder / "recipe.yaml").write_text(recipe)
    found = command("audit", "recipe.yaml", "--json", "--out", "o", cwd=folder).json()
    assert {one["check"] for one in found["findings"]} == {"mojibake", "empty_field"}
    assert "not asked for" in set(found["skipped"].values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no data is named"),
        (["nothing.jsonl"], "no such file"),
        (["data.jsonl", "--only", "mojibak"], "did you mean mojibake"),
        (["data.jsonl", "--set", "data.audit.near_duplicat=0.5"], "near_duplicate"),
        (["data.jsonl", "--clean", "data.jsonl"], "would overwrite"),
        (["data.jsonl", "--columns", "instruction"], "--columns"),
        (["data.jsonl", "--select-by", "random"], "--select K"),
        (["data.jsonl", "--out", "good.jsonl"], "a file is in the way"),
        (["data.jsonl", "--against", "nothing.jsonl"], "no such file"),
        (["data.jsonl", "--fail-on", "eror"], "did you mean error"),
        (["data.jsonl", "--engine", "rai"], "did you mean ray"),
    ],
)
def test_mistakes(folder: Path, command: Commands, arguments: list[str], said: str) -> None:
    ended = command("audit", *arguments, cwd=folder)
    assert ended.code == 2, ended.out
    assert said in ended.err
    assert "Traceback" not in ended.err and "Usage:" not in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing.jsonl"],
        ["broken.jsonl"],
        ["good.jsonl", "--against", "nothing.jsonl"],
    ],
)
def test_an_audit_of_nothing_leaves_no_folder(
    folder: Path, command: Commands, arguments: list[str]
) -> None:
    (folder / "broken.jsonl").write_text("[1")
    ended = command("audit", *arguments, "--out", "deep/o", cwd=folder)
    assert ended.code == 2, ended.out
    assert not (folder / "deep").exists()
    (folder / "mine").mkdir()  # what was there stays
    assert command("audit", *arguments, "--out", "mine", cwd=folder).code == 2
    assert not any((folder / "mine").iterdir())
