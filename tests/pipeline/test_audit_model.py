"""An audit with a model: scores in its files, kept, taken up again, and obeyed by selection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

import tiny_masked
from tutelage.curate.scores.likelihood import SCORES, scores
from tutelage.data.audit_options import AuditOptions
from tutelage.data.options import SourceOptions
from tutelage.errors import UserError
from tutelage.pipeline.audit import Audited, audit, model_scores, parts

COLOURS = ("red", "green", "blue", "white", "black", "pink")
ROWS: list[dict[str, Any]] = [
    *({"instruction": f"What is {name}?", "output": f"{name} is a colour."} for name in COLOURS),
    {"instruction": "", "output": "unreadable"},
    {
        "messages": [
            {"role": "user", "content": "the cat"},
            {"role": "assistant", "content": "sat"},
            {"role": "user", "content": "the dog"},
            {"role": "assistant", "content": "sat on the log"},
        ]
    },
]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_bytes(b"\n".join(orjson.dumps(row) for row in rows) + b"\n")


def run(folder: Path, model: Path | str, **options: Any) -> Audited:
    asked = AuditOptions(
        only=["prompt_does_not_help", "high_perplexity"], model=str(model), **options
    )
    sources = [SourceOptions(path="rows.jsonl"), SourceOptions(path="chats.jsonl")]
    return audit(sources, folder / "out", asked, base=folder)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write(tmp_path / "rows.jsonl", ROWS[:-1])
    write(tmp_path / "chats.jsonl", ROWS[-1:])
    return tmp_path


def known(folder: Path) -> pl.DataFrame:
    table = pl.read_parquet(folder / "out/rows.parquet")
    return table.select(pl.col("^model\\..*$").name.map(lambda name: name.removeprefix("model.")))


def test_every_readable_row_has_its_scores(data: Path, tiny_base: Path) -> None:
    found = run(data, tiny_base)
    table = known(data)
    assert dict(table.schema) == SCORES
    assert len(table) == 7 and table["ifd"].null_count() == 0
    said = orjson.loads((data / "out/audit.json").read_bytes())["dataset"]["model"]
    assert (said["scored"], said["not_scored"], said["model"]) == (7, 0, str(tiny_base))
    assert said["loss"]["mean"] == pytest.approx(table["loss"].mean(), abs=1e-3)
    unhelped = found.findings.filter(pl.col("check") == "prompt_does_not_help")
    assert (
        unhelped["id"].to_list()
        == table["ifd"].to_frame().with_row_index().filter(pl.col("ifd") >= 1)["index"].to_list()
    )
    assert "a loss of" not in (data / "out/audit.json").read_text()  # too few rows for a fence


def test_scores_do_not_depend_on_parts_and_blocks(
    data: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(data, tiny_base)
    whole = known(data)
    monkeypatch.setattr(parts, "PART_ROWS", 4)
    monkeypatch.setattr(model_scores, "BLOCK", 3)
    run(data, tiny_base)
    assert known(data).equals(whole)


def test_only_what_is_new_is_scored_again(
    data: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_scores, "BLOCK", 3)
    scored: list[int] = []

    def killed(given: Any, *rest: Any) -> pl.DataFrame:
        if len(scored) == 2:
            raise KeyboardInterrupt
        return counted(given, *rest)

    def counted(given: Any, *rest: Any) -> pl.DataFrame:
        scored.append(len(given))
        return scores(given, *rest)

    monkeypatch.setattr(model_scores, "scores", killed)
    with pytest.raises(KeyboardInterrupt):
        run(data, tiny_base)
    monkeypatch.setattr(model_scores, "scores", counted)
    run(data, tiny_base)
    assert scored == [3, 3, 1]
    first = known(data)
    run(data, tiny_base)
    assert scored == [3, 3, 1] and known(data).equals(first)
    changed = [ROWS[0], {"instruction": "What is tea?", "output": "tea"}, *ROWS[2:-1], ROWS[3]]
    write(data / "rows.jsonl", changed)
    run(data, tiny_base)
    assert scored == [3, 3, 1, 1]
    again = known(data)
    assert again[[0, 2, 3, 4, 5, 7]].equals(first[[0, 2, 3, 4, 5, 6]])
    assert again[6].equals(first[3])  # the same row once more
    (left,) = (data / "out/model").iterdir()
    assert len(pl.read_ipc(left)) == 7  # what is no longer there is not kept


def test_a_row_that_cannot_be_scored_has_nulls(data: Path, tiny_base: Path) -> None:
    write(data / "chats.jsonl", [{"instruction": "the cat " * 200, "output": "no room"}])
    said = run(data, tiny_base).summary["dataset"]["model"]
    assert (said["scored"], said["not_scored"]) == (6, 1)
    assert known(data).null_count().row(0) == (1,) * len(SCORES)
    assert known(data)["loss"].is_null().to_list() == [False] * 6 + [True]


def test_rows_are_selected_by_ifd(data: Path, tiny_base: Path) -> None:
    run(data, tiny_base)
    fit = known(data).with_row_index("at").filter(pl.col("ifd") < 1).sort("ifd", descending=True)
    assert len(fit) >= 2, "the model is not made so that this can be tested"
    selection = run(data, tiny_base, select=2, select_by="ifd").selection
    assert selection is not None
    places = pl.read_parquet(data / "out/rows.parquet")
    chosen = selection.join(places, on=["source", "row"]).sort("rank")
    assert chosen["at"].to_list() == fit["at"].to_list()[:2]


def test_mistakes_are_told_before_anything_is_read(data: Path, tmp_path: Path) -> None:
    masked = tiny_masked.save_folder(tmp_path / "masked")
    for model, what in (
        (masked, "of the family masked; rows are scored by decoder-only models"),
        ("./nothing", "there is no folder './nothing'"),
    ):
        with pytest.raises(UserError, match=what) as told:
            run(data, model)
        assert told.value.where == "data.audit.model"
        assert not (data / "out/parts").exists()
    with pytest.raises(UserError, match="needs scores by a model, and none is named"):
        audit(
            [SourceOptions(path="rows.jsonl")],
            data / "out",
            AuditOptions(select=1, select_by="ifd"),
            base=data,
        )


def test_data_that_changes_meanwhile_is_told(
    data: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = model_scores.Scorer.conclude

    def changed(self: Any, *rest: Any) -> Any:
        write(data / "rows.jsonl", ROWS[:3])
        return load(self, *rest)

    monkeypatch.setattr(model_scores.Scorer, "conclude", changed)
    with pytest.raises(UserError, match="the data changed while it was audited"):
        run(data, tiny_base)
