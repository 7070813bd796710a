"""How long threads wait is decided by who else wants the processors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tutelage import waiting


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Four processors, of which this process uses two; the file tells who is running."""
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(waiting, "LOAD", tmp_path / "loadavg")
    return tmp_path / "loadavg"


@pytest.mark.parametrize(
    ("running", "turns"),
    [(1, waiting.LONG), (3, waiting.LONG), (4, waiting.BRIEF), (40, waiting.BRIEF)],
)
def test_it_is_long_while_there_are_processors_for_all(
    machine: Path, running: int, turns: int
) -> None:
    machine.write_text(f"0.10 3.00 9.00 {running}/812 4711\n")
    assert waiting.turns() == turns


def test_processes_of_one_run_count_as_each_other(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.write_text("0.10 3.00 9.00 1/812 4711\n")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "one")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert waiting.turns() == waiting.LONG
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert waiting.turns() == waiting.BRIEF


@pytest.mark.parametrize("text", [None, "", "0.1 0.1 0.1", "0.1 0.1 0.1 many/1 2"])
def test_it_is_brief_where_the_machine_does_not_tell(machine: Path, text: str | None) -> None:
    if text is not None:
        machine.write_text(text)
    assert waiting.turns() == waiting.BRIEF


def test_who_passes_by_does_not_count(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.write_text("0.1 0.1 0.1 9/812 4711\n")
    later = lambda _: machine.write_text("0.1 0.1 0.1 1/812 4711\n")  # noqa: E731
    monkeypatch.setattr(waiting.time, "sleep", later)
    assert waiting.turns() == waiting.LONG


@pytest.mark.parametrize(("given", "found"), [("77", {"77"}), (None, {"1000", "30000"})])
def test_the_users_own_value_stays(given: str | None, found: set[str]) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"}
    if given is not None:
        environment["GOMP_SPINCOUNT"] = given
    told = subprocess.run(
        [sys.executable, "-c", "import os, tutelage; print(os.environ['GOMP_SPINCOUNT'])"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() in found
