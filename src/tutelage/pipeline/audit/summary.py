"""What an audit says in a few numbers: the verdict, and what to mend first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tutelage.curate.check import Conclusion
from tutelage.curate.chosen import Chosen
from tutelage.curate.findings import SEVERITIES
from tutelage.pipeline.audit.parts import Read

READY = 0.01
"""Share of rows with errors up to which data is called ready; the runs' own limit of lost rows."""

FIRST = 5
"""Checks named as what to mend first: errors before warnings, by how many rows have them."""


def summary(
    read: Read, findings: pl.DataFrame, chosen: Chosen, concluded: Mapping[str, Conclusion]
) -> dict[str, Any]:
    """What `audit.json` holds beside the findings.

    Args:
        read: what was read.
        findings: columns as in `curate.examine.FINDINGS`.
        chosen: what ran.
        concluded: what the checks of the whole found.
    """
    rows = sum(read.files.values())
    worst = findings.drop_nulls("row").group_by("source", "row").agg(pl.col("severity").max())
    counts: dict[str, int] = {
        name: int((worst["severity"] == name).sum()) for name in reversed(SEVERITIES)
    }
    counts["clean"] = rows - len(worst)
    checks = _checks(findings, chosen)
    wrong = [
        name for name, check in checks.items() if check["severity"] != "info" and check["rows"]
    ]
    first = sorted(
        wrong, key=lambda name: (checks[name]["severity"] != "error", -checks[name]["rows"])
    )
    return {
        "schema": 1,
        "rows": rows,
        "readable": read.rows,
        "files": read.files,
        "verdict": _verdict(rows, counts, read),
        "counts": counts,
        "first": first[:FIRST],
        "checks": checks,
        "skipped": chosen.skipped,
        "dataset": {name: dict(one.summary) for name, one in concluded.items()},
    }


def _checks(findings: pl.DataFrame, chosen: Chosen) -> dict[str, dict[str, Any]]:
    """Every check that ran, what it is, and how much it found."""
    counted = {
        name: (found, rows, severity)
        for name, found, rows, severity in findings.group_by("check")
        .agg(
            pl.len().alias("findings"),
            pl.struct("source", "row").n_unique().alias("rows"),
            pl.col("severity").max(),
        )
        .iter_rows()
    }
    described: dict[str, dict[str, Any]] = {}
    for name, check in {**chosen.checks, **chosen.whole}.items():
        found, rows, _ = counted.pop(name, (0, 0, None))
        described[name] = {
            "severity": chosen.severity(name),
            "title": check.title,
            "suggestion": check.suggestion,
            "precision": check.precision,
            "recall": check.recall,
            "findings": found,
            "rows": rows,
        }
    for name, (found, rows, severity) in counted.items():
        described[name] = {
            "severity": severity,
            "title": UNREADABLE.get(name, name.replace("_", " ").capitalize()),
            "suggestion": "repair the rows, or leave them out (--clean does)",
            "precision": None,
            "recall": None,
            "findings": found,
            "rows": rows,
        }
    return dict(sorted(described.items()))


UNREADABLE = {"unreadable_file": "File cannot be read"}


def _verdict(rows: int, counts: Mapping[str, int], read: Read) -> str:
    """One sentence: may one train on it."""
    files = sum(one.source.row < 0 for one in read.unread)
    unread = f"; {_many(files, 'file')} cannot be read at all" if files else ""
    share = counts["error"] / rows
    said = f"{counts['error']:,} of {_many(rows, 'row')} ({share:.1%}) have errors"
    if not counts["error"]:
        said = f"no errors in {_many(rows, 'row')}"
    worth = f", {counts['warning']:,} more worth a look" if counts["warning"] else ""
    judged = "Ready to train on" if share <= READY and not files else "Mend it first"
    return f"{judged}: {said}{worth}{unread}."


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
