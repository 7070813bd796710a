"""Put the evidence on one page: a single HTML file that asks nothing of anybody.

No script, no request, no inline handler. The content security policy forbids all of them and
allows one style sheet by its hash, so that an escaping mistake would still run nothing. Every
string of data passes `visible` and Jinja's escaping at the one place where expressions are
printed; only figures, which escape for themselves, are markup.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from tutelage.report import text
from tutelage.report.answers import Tally, select, tally
from tutelage.report.evidence import OVERALL, Comparison, Evidence, read_evidence
from tutelage.report.figures import (
    Curves,
    Segment,
    changes,
    histogram,
    single_interval,
    stacked_bar,
    training_curves,
)
from tutelage.report.figures.intervals import Verdict
from tutelage.rundir import RunFolder, write_text


def build(run: RunFolder) -> Path:
    """Write `report.html` of a run from whatever parts it has, and return its path.

    Raises:
        UserError: a part of the run is damaged or of another schema.
    """
    write_text(run.report, render(read_evidence(run)))
    return run.report


def render(evidence: Evidence) -> str:
    """The page as HTML."""
    style = resources.files("tutelage.report").joinpath("templates/style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    metrics = evidence.metrics
    return (
        _templates()
        .get_template("report.html.jinja")
        .render(
            style=Markup(style),
            style_hash=digest,
            run=evidence.run.path,
            name=metrics.get("name") or evidence.run.path.name,
            verdict=metrics.get("verdict"),
            confidence=metrics.get("confidence", 0.95),
            groups=_groups(evidence),
            overall=[row for row in evidence.comparison if row.primary and row.task == OVERALL],
            secondary=[row for row in evidence.comparison if not row.primary],
            signatures=sorted({(row.metric, row.signature) for row in evidence.comparison}),
            forgetting=metrics.get("forgetting"),
            training=metrics.get("training"),
            evaluation=metrics.get("evaluation"),
            data=metrics.get("data"),
            cost=metrics.get("cost"),
            model=metrics.get("model"),
            selections=select(evidence.answers),
            answers=len(evidence.answers),
            environment=evidence.environment,
            recipe=evidence.recipe,
            commands=_commands(evidence),
            figures=_figures(evidence),
        )
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the comparison table: the primary metric of one task."""

    row: Comparison
    tally: Tally | None


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that were trained on, or that were held out, largest gain first."""

    heading: str
    held_out: bool
    lines: list[Line]


def _groups(evidence: Evidence) -> list[Group]:
    tallies = tally(evidence.answers)
    groups = []
    for held_out, heading in ((False, "Trained tasks"), (True, "Held-out tasks")):
        rows = [
            row
            for row in evidence.comparison
            if row.primary and row.held_out is held_out and row.task != OVERALL
        ]
        rows.sort(key=lambda row: -row.gain)
        if rows:
            lines = [Line(row, tallies.get(row.task)) for row in rows]
            groups.append(Group(heading, held_out, lines))
    return groups


def _figures(evidence: Evidence) -> dict[str, Markup]:
    """The figures for which there is evidence, by the name the templates use."""
    drawn: dict[str, Markup] = {}
    rows = [
        (group.heading, [change for line in group.lines if (change := line.row.change())])
        for group in _groups(evidence)
    ]
    rows = [(heading, group) for heading, group in rows if group]
    if rows:
        drawn["changes"] = changes(rows, evidence.metrics.get("confidence", 0.95))
    curves = _curves(evidence)
    if curves.train:
        drawn["curves"] = training_curves(curves)
    drawn.update(_data_figures(evidence.metrics.get("data")))
    forgetting = evidence.metrics.get("forgetting")
    if forgetting and None not in forgetting["interval"]:
        drawn["forgetting"] = single_interval(
            "forgetting",
            "Change of the loss on general text, with its interval",
            (forgetting["interval"][0], forgetting["difference"], forgetting["interval"][1]),
            loss_verdict(forgetting["interval"]),
            ("predicts general text better", "worse"),
        )
    return drawn


def loss_verdict(bounds: Sequence[float | None]) -> Verdict:
    """What the interval of a difference in loss says: less is better."""
    low, high = bounds
    if low is not None and low > 0:
        return "worse"
    return "better" if high is not None and high < 0 else "unclear"


def _data_figures(data: dict[str, Any] | None) -> dict[str, Markup]:
    if not data:
        return {}
    drawn: dict[str, Markup] = {}
    counts = data["counts"]
    fates = [Segment(fate, counts[fate], fate) for fate in text.FATES]
    if any(segment.amount for segment in fates):
        drawn["ledger"] = stacked_bar("ledger", "What became of the rows that were read", fates)
    for part in ("prompt", "response"):
        if data[f"{part}_tokens"]:
            title = f"Length of the {part}s of the training rows, in tokens"
            drawn[part] = histogram(f"{part}-tokens", title, data[f"{part}_tokens"])
    return drawn


def _curves(evidence: Evidence) -> Curves:
    """The log as points; losses that were not finite are null there and left out."""
    steps = evidence.steps
    ends = [
        later["step"]
        for earlier, later in itertools.pairwise(steps)
        if int(later["epoch"] + 1e-9) > int(earlier["epoch"] + 1e-9)
    ]
    best = [row["step"] for row in evidence.validations if row["best"]]
    return Curves(
        train=_points(steps, "loss"),
        validation=_points(evidence.validations, "loss"),
        learning_rate=_points(steps, "learning_rate"),
        epochs=ends,
        best=best[-1] if best else None,
    )


def _points(rows: Sequence[dict[str, Any]], field: str) -> list[tuple[float, float]]:
    return [(row["step"], row[field]) for row in rows if row[field] is not None]


def _commands(evidence: Evidence) -> list[tuple[str, str]]:
    """What to type to do it again: a purpose and a command each."""
    packages = evidence.environment.get("packages", {})
    pinned = [
        f"{name}=={version.partition('+')[0]}"  # no index knows a local build such as `+cpu`
        for name in ("tutelage", "torch", "transformers")
        if (version := packages.get(name))
    ]
    folder = shlex.quote(str(evidence.run.path))
    recipe = shlex.quote(str(evidence.run.recipe))
    again = [("The same run again", f"tutelage run {recipe} --out {folder}-again")]
    if pinned:
        again.insert(0, ("The same versions", f"pip install {shlex.join(pinned)}"))
    return [
        *again,
        (
            "Only the evaluation and this page",
            f"tutelage eval {folder} && tutelage report {folder}",
        ),
        ("Talk to the tuned model", f"tutelage chat {folder}"),
    ]


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tutelage.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters |= {
        "number": text.number,
        "signed": text.signed,
        "interval": text.interval,
        "p": text.p_value,
        "count": text.count,
        "share": text.share,
        "excerpt": text.excerpt,
        "duration": text.duration,
        "day": text.day,
        "method": text.method,
        "relative": text.relative,
        "size": text.size,
        "energy": text.energy,
        "perplexity": text.perplexity,
        "loss_verdict": loss_verdict,
    }
    return environment


def _finalize(value: object) -> object:
    """Every printed expression passes here: markup as it is, anything else made visible."""
    return value if isinstance(value, Markup) else text.visible(str(value))
