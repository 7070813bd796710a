"""`tutelage suites`: the list a person reads before asking any."""

from __future__ import annotations

from pathlib import Path

from commands import Commands


def test_the_list_says_what_every_suite_needs_and_cuts_nothing_off(
    command: Commands, tmp_path: Path
) -> None:
    entries = command("suites", "--json", cwd=tmp_path).json()
    assert all(entry["needs"] for entry in entries)
    shown = command("suites", "--files", tmp_path, cwd=tmp_path, COLUMNS="80").out
    assert "…" not in shown and max(map(len, shown.splitlines())) <= 80
    assert {entry["suite"] for entry in entries} <= {
        line.split(" ")[0] for line in shown.split("\n")
    }
    assert shown.count("(not") == sum(bool(entry["data"]) for entry in entries)
