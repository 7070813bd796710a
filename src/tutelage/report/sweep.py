"""The page of a sweep: one figure, one table, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tutelage.report.figures.tradeoff import Point, tradeoff
from tutelage.report.page import render_template
from tutelage.rundir import write_text


def build(state: Mapping[str, Any], path: Path) -> Path:
    """Write the page of a sweep.

    Args:
        state: what `sweep.json` holds.
        path: where to write it.
    """
    write_text(path, render(state, path.parent))
    return path


def render(state: Mapping[str, Any], folder: Path) -> str:
    """The page as HTML."""
    found = points(state)
    best = state["best"]
    return render_template(
        "sweep.html.jinja",
        name=state["name"],
        budget=state["budget"],
        halvings=state["halvings"],
        keys=list(state["trials"][0]["settings"]),
        trials=state["trials"],
        best=next((trial for trial in state["trials"] if trial["name"] == best), None),
        figure=tradeoff(found) if found else None,
        run=shlex.quote(str(folder / "trials" / str(best))),
    )


def points(state: Mapping[str, Any]) -> list[Point]:
    """The trials that have a loss, for the figure."""
    return [
        Point(
            number=at,
            name=", ".join(trial["settings"].values()),
            loss=trial["losses"][-1],
            parameters=trial["training"]["trainable_parameters"],
            seconds=trial["training"]["seconds"],
            memory=trial["peak_memory_bytes"],
            finished=trial["status"] == "finished",
            best=trial["name"] == state["best"],
        )
        for at, trial in enumerate(state["trials"], start=1)
        if trial["losses"] and trial["training"]
    ]
