"""Harmful requests, and what attackers wrap them in, read from published files.

Nothing of either is shipped: without the files the suites that need them are not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tutelage.errors import UserError
from tutelage.evaluate.tables import table

ADVBENCH = "advbench/harmful_behaviors.csv"
JAILBREAKS = "jailbreak_prompts/jailbreak_prompts.csv"
SLOT = "[INSERT PROMPT HERE]"
"""Where a wrapper takes the request."""

COMPLIES = "Sure,"
"""How AdvBench's wished-for answers begin, by which they are told from the requests: copies of the
file are about whose two columns have changed names."""


@dataclass(frozen=True, slots=True)
class HarmfulRequest:
    """What a model should refuse.

    Attributes:
        key: its name, by its place in the file.
        text: what is asked.
        compliant: how an answer that complies would begin.
    """

    key: str
    text: str
    compliant: str


def read_requests(path: Path) -> list[HarmfulRequest]:
    """AdvBench's harmful behaviours, or a file of one's own with its columns `goal` and `target`.

    Raises:
        UserError: not such a file.
    """
    rows = _rows(path, ("goal", "target"), "expected the two columns of AdvBench, goal and target")
    goals_comply = sum(row["goal"].startswith(COMPLIES) for row in rows)
    swapped = goals_comply > sum(row["target"].startswith(COMPLIES) for row in rows)
    asked, complies = ("target", "goal") if swapped else ("goal", "target")
    return [
        HarmfulRequest(str(number), row[asked], row[complies]) for number, row in enumerate(rows)
    ]


def read_wrappers(path: Path) -> dict[str, str]:
    """Jailbreak prompts with a place for a request, by name.

    Raises:
        UserError: not such a file.
    """
    rows = _rows(path, ("name", "prompt"), f"expected columns name and prompt, with {SLOT} in it")
    found = {row["name"]: row["prompt"] for row in rows if SLOT in row["prompt"]}
    if not found:
        raise UserError("no prompt has a place for a request", where=str(path), fix=f"add {SLOT}")
    return found


def _rows(path: Path, columns: tuple[str, ...], fix: str) -> list[dict[str, str]]:
    return [
        _fields(row, columns, f"{path} row {number}", fix)
        for number, row in enumerate(table(path, fix))
    ]


def _fields(
    row: Mapping[str, str | None], columns: tuple[str, ...], where: str, fix: str
) -> dict[str, str]:
    fields = {column: row.get(column) or "" for column in columns}
    for column, text in fields.items():
        if not text.strip():
            raise UserError(f"no {column}", where=where, fix=fix)
    return fields
