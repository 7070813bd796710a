"""A tuning benchmark that was cut off goes on; what no longer counts is measured again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tuning import cells
from tuning.workload import Row, Workload
from tuning.works import WORKS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cells.WorkFolder:
    settings = WORKS["alpaca"].settings(tmp_path, "base", threads=1, steps=1)
    monkeypatch.setattr(cells, "PACKAGES", ("torch",))
    found = cells.WorkFolder(tmp_path / "alpaca", settings)
    rows = [Row([1, 2], [-100, 2])]
    work = Workload(settings, "base", [[0]], rows, rows, too_long=0)
    monkeypatch.setattr(found, "_start", lambda _: work.write(found.path))
    assert found.workload() == work
    return found


def cell(contender: str, turn: int) -> cells.Cell:
    return {"contender": contender, "round": turn, "code": cells.code(contender)}


def test_finished_cells_are_found_again(folder: cells.WorkFolder) -> None:
    kept = [cell("ours", 0), cell("trl-tuned", 0), cell("ours", 1)]
    for one in kept:
        folder.keep(one)
    assert cells.WorkFolder(folder.path, folder.settings).finished() == kept


def test_cells_of_other_source_do_not_count(
    folder: cells.WorkFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.keep(cell("ours", 0))
    folder.keep(cell("trl-tuned", 0))
    before = cells.code("trl-tuned")
    monkeypatch.setattr(cells, "code", lambda name: "new" if name == "ours" else before)
    assert [one["contender"] for one in folder.finished()] == ["trl-tuned"]


def test_cells_of_other_versions_do_not_count(folder: cells.WorkFolder) -> None:
    folder.keep(cell("trl-tuned", 0))
    state = json.loads((folder.path / "state.json").read_text())
    state["versions"]["torch"] = "0.1"
    (folder.path / "state.json").write_text(json.dumps(state))
    assert folder.finished() == []
