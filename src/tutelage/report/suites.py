"""What suites found, arranged for the page: areas, a line a suite, the parts beneath.

A verdict of an area goes by the primary measures of whole suites alone, as the correction for many
tests does (`evaluate/suite_comparison`). Whatever was to be asked is listed, with its reason where
it was not: a matrix that left it out would look complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from tutelage.evaluate.suite import AREAS
from tutelage.report.evidence import OVERALL, Comparison, comparison_rows
from tutelage.report.figures.intervals import Verdict


class Names(NamedTuple):
    """What the two models of a comparison are called; `base` is empty where one stands alone."""

    base: str
    tuned: str


def names_of(models: Mapping[str, str]) -> Names:
    """What to call the models of results: as short as tells them apart.

    Args:
        models: `models` of `results.json`: a path, a hub id or a name, by side.
    """
    given = {side: name.rstrip("/") for side, name in models.items()}
    if "tuned" not in given:
        return Names("", Path(given["model"]).name or given["model"])
    short = {side: Path(name).name or name for side, name in given.items()}
    if short["base"] != short["tuned"]:
        return Names(short["base"], short["tuned"])
    if given["base"] != given["tuned"]:
        return Names(given["base"], given["tuned"])
    return Names(*(f"{given[side]} ({side})" for side in ("base", "tuned")))


@dataclass(frozen=True, slots=True)
class Value:
    """One measure of a model that stands alone: a row of its `results.json`."""

    task: str
    metric: str
    primary: bool
    items: int
    scale: float
    higher_is_better: bool | None
    value: float | None
    interval: tuple[float | None, float | None]

    @property
    def digits(self) -> int:
        """Decimals worth printing: three on a scale of 1, one on a scale of 100."""
        return 3 if self.scale == 1 else 1

    @property
    def verdict(self) -> Verdict:
        """Nothing is better or worse without another model."""
        return "unclear"


@dataclass(frozen=True, slots=True)
class SuiteLines:
    """A suite on the page.

    Attributes:
        name: what it is called.
        title: what it asks.
        status: `run`, `skipped` or `failed`.
        reason: why it was skipped or broke off; empty otherwise.
        items: questions that were asked.
        primary: rows that the verdict goes by.
        others: other measures of the whole suite.
        parts: measures of its parts.
        notes: what makes the figures less than they seem.
    """

    name: str
    title: str
    status: str
    reason: str
    items: int
    primary: list[Comparison | Value]
    others: list[Comparison | Value]
    parts: list[Comparison | Value]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class AreaLines:
    """An area on the page: its suites, and which of them changed."""

    name: str
    suites: list[SuiteLines]

    def named(self, verdict: str) -> list[str]:
        """Suites and measures whose primary figure is `better`, `worse` or `unclear`."""
        return [
            f"{suite.name} ({row.metric})"
            for suite in self.suites
            for row in suite.primary
            if row.verdict == verdict
        ]


def areas(results: Mapping[str, Any] | None) -> list[AreaLines]:
    """The areas in the report's order, each with what was to be asked.

    Args:
        results: of suites, of one model or of two; None where none was asked.
    """
    if results is None:
        return []
    rows: dict[str, list[Comparison | Value]] = {}
    for plain in results["measures"]:
        rows.setdefault(plain["suite"], []).append(_row(plain))
    lines = [
        AreaLines(
            area,
            [
                _lines(one, rows.get(one["suite"], []))
                for one in results["suites"]
                if one["area"] == area
            ],
        )
        for area in AREAS
    ]
    return [area for area in lines if area.suites]


def _row(plain: Mapping[str, Any]) -> Comparison | Value:
    if "difference" in plain:
        return comparison_rows([plain])[0]
    return Value(**{each.name: plain[each.name] for each in fields(Value)})


def _lines(about: Mapping[str, Any], rows: Sequence[Comparison | Value]) -> SuiteLines:
    whole = [row for row in rows if row.task == OVERALL]
    return SuiteLines(
        name=about["suite"],
        title=about["title"],
        status=about["status"],
        reason=about.get("reason", ""),
        items=about.get("items", 0),
        primary=[row for row in whole if row.primary],
        others=[row for row in whole if not row.primary],
        parts=[row for row in rows if row.task != OVERALL],
        notes=about.get("notes", []),
    )
