"""What a learning curve says, in sentences: for its page and for the console alike."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tutelage.report.figures.learning_curve import Band, learning_curve
from tutelage.report.page import render_template
from tutelage.report.text import count, interval, number
from tutelage.rundir import write_text

DIGITS = 4
"""Of losses: another thousand rows often move the third."""


def build(state: Mapping[str, Any], path: Path) -> Path:
    """Write the page of a learning curve.

    Args:
        state: what `learning_curve.json` holds.
        path: where to write it.
    """
    write_text(path, render(state, path.parent))
    return path


def render(state: Mapping[str, Any], folder: Path) -> str:
    """The page as HTML."""
    curve = state["curve"]
    points = [(run["examples"], run["loss"]) for run in state["runs"]]
    bands = [Band(part["examples"], part["loss"]["value"], *part["loss"]["interval"])
             for part in curve["drawn"]]  # fmt: skip
    foretold = curve["verdict"] == "falling"
    return render_template(
        "learning_curve.html.jinja",
        state=state,
        curve=curve,
        sizes=sizes(state),
        headline=headline(state),
        checked=checked(state),
        figure=learning_curve(points, bands, foretold=foretold),
        folder=shlex.quote(str(folder)),
    )


def sizes(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs by size: their mean loss, the lowest and the highest."""
    rows = []
    for examples in sorted({run["examples"] for run in state["runs"]}):
        runs = [run for run in state["runs"] if run["examples"] == examples]
        losses = [run["loss"] for run in runs]
        rows.append(
            {
                "examples": examples,
                "runs": len(runs),
                "steps": max(run["steps"] for run in runs),
                "loss": sum(losses) / len(losses),
                "range": [min(losses), max(losses)],
            }
        )
    return rows


def headline(state: Mapping[str, Any]) -> str:
    """The verdict in a sentence or two; numbers only where the curve is to be believed."""
    curve = state["curve"]
    largest = curve["check"]["examples"]
    fall = interval(curve["fall"]["interval"], DIGITS)
    smallest = min(run["examples"] for run in state["runs"])
    measured = f"From {count(smallest)} to {count(largest)} training examples the loss falls by"
    if curve["verdict"] == "flat":
        return (
            "The curve is flat, as far as these runs can tell: more rows of the same kind may buy "
            f"nothing. {measured} {fall} (95% interval), which may be nothing at all."
        )
    if curve["verdict"] == "refuted":
        return (
            "No number: the curve of the smaller subsets does not predict the largest one, so it "
            "would not predict more rows either."
        )
    if curve["verdict"] == "vague":
        return (
            "No number: the curve is not identified by these runs. What four times the rows would "
            f"buy is less certain than all of the fall that was measured ({fall}). More seeds or "
            "smaller subsets would narrow it."
        )
    first = curve["forecasts"][0]
    return (
        f"{count(first['examples'] - largest)} more training examples would lower the validation "
        f"loss by {number(first['fall']['value'], DIGITS)} "
        f"({interval(first['fall']['interval'], DIGITS)})."
    )


def checked(state: Mapping[str, Any]) -> str:
    """How the curve did on its largest subset, in a sentence."""
    check = state["curve"]["check"]
    predicted = check["predicted"]
    found = "inside" if check["inside"] else "outside"
    return (
        f"Fitted without the {count(check['examples'])} examples, it predicts "
        f"{number(predicted['value'], DIGITS)} for them "
        f"({interval(predicted['interval'], DIGITS)}); measured: "
        f"{number(check['measured'], DIGITS)}, {found} the interval."
    )
