"""What suites found along an axis, drawn: scores under pressure, and how reliable sureness is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from tutelage.report.figures import Panel, Spot, panels
from tutelage.report.figures.panels import Side

DRAWN_AS: Mapping[str, Side] = {"base": "base", "tuned": "tuned", "model": "tuned"}
"""How each side is drawn; a model alone as the tuned one of two."""


def suite_figures(results: Mapping[str, Any] | None) -> dict[str, Markup]:
    """`curves` and `reliability`, each where a suite has any.

    Args:
        results: of suites; None where none was asked.
    """
    if results is None:
        return {}
    asked = [one for one in results["suites"] if one["status"] == "run"]
    figures = {
        "curves": ("Scores along an axis", list(_curves(asked, results["measures"]))),
        "reliability": ("Accuracy by how sure the model was", list(_reliability(asked))),
    }
    return {
        name: panels(f"suite-{name}", title, drawn)
        for name, (title, drawn) in figures.items()
        if drawn
    }


def _curves(
    asked: Sequence[Mapping[str, Any]], measures: Sequence[Mapping[str, Any]]
) -> Iterator[Panel]:
    rows = {(row["suite"], row["task"], row["metric"]): row for row in measures}
    for one in asked:
        for curve in one.get("curves", ()):
            found = [
                (point["x"], rows[key])
                for point in curve["points"]
                if (key := (one["suite"], point["task"], point["metric"])) in rows
            ]
            if len(found) < 2:
                continue
            sides = _sides(found)
            if sides:
                yield Panel(f"{one['suite']}: {curve['metric']}", curve["axis"], sides)


def _sides(found: Sequence[tuple[float, Mapping[str, Any]]]) -> dict[Side, Sequence[Spot]]:
    """The spots of each model; none of one whose values could not be computed."""
    two = "difference" in found[0][1]
    names = {"base": "base_interval", "tuned": "tuned_interval"} if two else {"value": "interval"}
    sides: dict[Side, Sequence[Spot]] = {}
    for value, bounds in names.items():
        numbers = [(x, row[value], *row[bounds], row["items"]) for x, row in found]
        if not any(number is None for spot in numbers for number in spot):
            sides["base" if value == "base" else "tuned"] = [Spot(*spot) for spot in numbers]
    return sides


def _reliability(asked: Sequence[Mapping[str, Any]]) -> Iterator[Panel]:
    for one in asked:
        if one.get("reliability"):
            sides: dict[Side, Sequence[Spot]] = {
                DRAWN_AS[side]: [
                    Spot(each["sureness"], each["accuracy"], low, high, each["items"])
                    for each in bins
                    for low, high in [each["interval"]]
                ]
                for side, bins in one["reliability"].items()
            }
            yield Panel(one["suite"], "how sure the model was", sides, square=True)
