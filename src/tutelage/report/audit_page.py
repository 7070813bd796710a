"""What an audit found, as one page to look through: verdict, findings with their evidence, the map.

The page holds one script of ours, let through by its hash; the policy forbids every other, handlers
and requests too. All data is in one JSON block that cannot close its element, and the script puts
text nowhere but into text nodes. The list draws the lines that are seen, so that a hundred thousand
findings scroll as a hundred do. Positions are counted in code points, as the audit counts them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import orjson
import polars as pl
from markupsafe import Markup

from tutelage.curate.check import Dataset
from tutelage.report.page import render_template

MOST_FINDINGS = 100_000
"""Findings on the page, the gravest first; the rest is in `findings.parquet`."""

MOST_POINTS = 20_000
"""Points on the map: every so many rows where there are more."""

TEXT = 4_000
SHORT_TEXT = 700
"""Characters of a text around its evidence; the shorter where there are many rows."""

MANY = 10_000

COLUMNS = ("source", "row", "field", "start", "end", "evidence", "detail", "suggestion")
"""Of a finding, as they are shown."""

PARTS = ("system", "instruction", "input", "response")


def render_audit(
    summary: Mapping[str, Any],
    findings: pl.DataFrame,
    data: Dataset,
    columns: Mapping[str, pl.DataFrame],
) -> str:
    """The page as HTML.

    Args:
        summary: what `audit.json` holds beside the findings.
        findings: columns as in `curate.examine.FINDINGS`.
        data: the dataset, for the texts of rows.
        columns: what checks of the whole say of every row, by check.
    """
    shown = findings.sort("severity", descending=True, maintain_order=True).head(MOST_FINDINGS)
    script = resources.files("tutelage.report").joinpath("templates/audit.js").read_text("utf-8")
    style = resources.files("tutelage.report").joinpath("templates/audit.css").read_text("utf-8")
    block = {
        **_findings(shown, data),
        "checks": _checks(summary, shown),
        "map": _map(data, columns),
    }
    return render_template(
        "audit.html.jinja",
        summary=summary,
        first=[(name, summary["checks"][name]) for name in summary["first"]],
        left_out=len(findings) - len(shown),
        skipped=_by_reason(summary["skipped"]),
        dataset={name: value for name, value in summary["dataset"].items() if value},
        data=Markup(_json(block)),
        script=Markup(script),
        script_hash=_digest(script),
        more_style=Markup(style),
        more_hash=_digest(style),
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> str:
    """JSON that ends no script element, whatever it quotes."""
    text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _checks(summary: Mapping[str, Any], shown: pl.DataFrame) -> list[dict[str, Any]]:
    """The checks that have findings on the page, with how many."""
    counts = dict(shown["check"].value_counts().iter_rows())
    return [
        {"name": name, "title": check["title"], "findings": counts[name]}
        for name, check in summary["checks"].items()
        if name in counts
    ]


def _by_reason(skipped: Mapping[str, str]) -> dict[str, list[str]]:
    """Checks that were left out, by the reason."""
    reasons: dict[str, list[str]] = {}
    for name, reason in skipped.items():
        reasons.setdefault(reason, []).append(name)
    return reasons


def _findings(shown: pl.DataFrame, data: Dataset) -> dict[str, Any]:
    """Findings as columns, and the texts of the rows they are about."""
    places = shown["id"].drop_nulls().unique().sort()
    rows = data.rows(places)
    number = dict(zip(places, range(len(places)), strict=True))
    length = SHORT_TEXT if len(places) > MANY else TEXT
    spans = _spans(shown, number)
    texts = [
        [_piece(row, part, spans.get((at, row[f"{part}_field"]), 0), length) for part in PARTS]
        for at, row in enumerate(rows.iter_rows(named=True))
    ]
    names = shown["check"].unique().sort()
    code = {name: place for place, name in enumerate(names)}
    return {
        "names": names.to_list(),
        "tasks": rows["task"].to_list(),
        "texts": texts,
        "found": {
            "text": [None if one is None else number[one] for one in shown["id"]],
            "check": [code[name] for name in shown["check"]],
            "severity": shown["severity"].to_physical().to_list(),
            **{name: shown[name].to_list() for name in COLUMNS},
        },
    }


def _spans(shown: pl.DataFrame, number: Mapping[int, int]) -> dict[tuple[int, str | None], int]:
    """The first character of evidence in each field of each row."""
    spans: dict[tuple[int, str | None], int] = {}
    for place, field, start in shown.select("id", "field", "start").iter_rows():
        if place is not None and start is not None:
            key = (number[place], field)
            spans[key] = min(spans.get(key, start), start)
    return spans


def _piece(row: Mapping[str, Any], part: str, start: int, length: int) -> list[Any] | None:
    """A text: its part, its field, its characters from which on, and how many it has."""
    text = row[part]
    if not text:
        return None
    begin = max(0, start - length // 4) if len(text) > length else 0
    return [part, row[f"{part}_field"], text[begin : begin + length], begin, len(text)]


def _map(data: Dataset, columns: Mapping[str, pl.DataFrame]) -> dict[str, Any] | None:
    """The map of the diversity check, with the beginning of each row's instruction."""
    table = columns.get("diversity")
    if table is None:
        return None
    places: Sequence[int] = range(0, len(table), -(-len(table) // MOST_POINTS) or 1)
    points = table[list(places)]
    rows = data.rows(list(places))
    return {
        "x": points["x"].round(3).to_list(),
        "y": points["y"].round(3).to_list(),
        "cluster": points["cluster"].cast(pl.String).to_list(),
        "task": points["task_type"].cast(pl.String).to_list(),
        "title": rows["instruction"].str.slice(0, 90).to_list(),
        "row": rows["row"].to_list(),
    }
