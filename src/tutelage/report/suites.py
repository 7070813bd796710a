"""What suites found, arranged for the page: areas, a line a suite, the parts beneath.

A verdict of an area goes by the primary measures of whole suites alone, as the correction for many
tests does (`evaluate/suite_comparison`). Whatever was to be asked is listed, with its reason where
it was not: a matrix that left it out would look complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tutelage.evaluate.suite import AREAS
from tutelage.report.evidence import OVERALL, Comparison, comparison_rows


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
    """

    name: str
    title: str
    status: str
    reason: str
    items: int
    primary: list[Comparison]
    others: list[Comparison]
    parts: list[Comparison]


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
    """The areas in the report's order, each with what was to be asked of both models.

    Args:
        results: `suites` of `metrics.json`; None where none was asked.
    """
    if results is None:
        return []
    rows: dict[str, list[Comparison]] = {}
    for plain in results["measures"]:
        rows.setdefault(plain["suite"], []).extend(comparison_rows([plain]))
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


def _lines(about: Mapping[str, Any], rows: list[Comparison]) -> SuiteLines:
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
    )
