"""What the page says, worked out from the evidence before any template is filled.

Templates only place things; whatever has to be decided (which sections there are, which rows
belong together and in which order, what is drawn, what to type to repeat the run) is here.
"""

from __future__ import annotations

import itertools
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tutelage.report import text
from tutelage.report.answers import Tally, select, tally
from tutelage.report.evidence import OVERALL, Comparison, Evidence
from tutelage.report.figures import (
    Curves,
    Segment,
    TaskCurve,
    changes,
    histogram,
    single_interval,
    stacked_bar,
    task_curves,
    training_curves,
)
from tutelage.report.figures.intervals import Verdict
from tutelage.report.suite_panels import suite_figures
from tutelage.report.suites import Names, areas

PANELS = 24
"""Tasks whose losses are drawn: those that weighed most."""

EFFECT_NAMES = {
    "cohens_h": "Cohen’s h",
    "cohens_d": "Cohen’s d",
    "cliffs_delta": "Cliff’s delta",
}


def view(evidence: Evidence) -> dict[str, Any]:
    """Everything the templates name."""
    metrics, comparison = evidence.metrics, evidence.comparison
    confidence = metrics.get("confidence", 0.95)
    selections = select(evidence.answers)
    groups = _groups(evidence)
    parts = (
        "verdict",
        "forgetting",
        "training",
        "evaluation",
        "data",
        "cost",
        "model",
        "endpoints",
        "mixture",
    )
    return {
        **{part: metrics.get(part) for part in parts},
        "run": evidence.run.path,
        "name": metrics.get("name") or evidence.run.path.name,
        "sections": _sections(metrics, answers=bool(selections)),
        "percent": f"{100 * confidence:g}%",
        "chance": f"{100 * (1 - confidence):g}%",
        "steps": len(evidence.steps),
        "groups": groups,
        "overall": [row for row in comparison if row.primary and row.task == OVERALL],
        "secondary": [row for row in comparison if not row.primary],
        "effect_names": EFFECT_NAMES,
        "sized": [row for row in comparison if row.primary and (row.effects or row.detectable)],
        "signatures": sorted({(row.metric, row.signature) for row in comparison}),
        "selections": selections,
        "areas": areas(metrics.get("suites")),
        "suite_items": evidence.suite_items,
        "suite_figures": suite_figures(metrics.get("suites")),
        "sides": Names("Base", "Tuned"),
        "conditions_failed": (metrics.get("suites") or {}).get("failed", []),
        "answers": len(evidence.answers),
        "environment": evidence.environment,
        "recipe": evidence.recipe,
        "commands": _commands(evidence),
        "figures": _figures(evidence, groups, confidence),
        "panels": PANELS,
        "last_step": evidence.steps[-1] if evidence.steps else {},
        "last_validation": evidence.validations[-1] if evidence.validations else {},
    }


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page: the template of its name, and its heading."""

    id: str
    title: str


def _sections(metrics: dict[str, Any], *, answers: bool) -> list[Section]:
    """The sections in reading order, without those that have nothing to show yet."""
    wanted = {
        Section("changed", "What changed"): True,
        Section("answers", "In its own words"): answers,
        Section("suites", "What suites found"): bool(metrics.get("suites")),
        # An endpoint says nothing of the likelihood of a text, so nothing was measured there.
        Section("forgot", "What it forgot"): bool(metrics.get("comparison"))
        and not metrics.get("endpoints"),
        # Where both models are behind endpoints, nothing is trained here.
        Section("learned", "How it learned"): bool(
            metrics.get("training") or not metrics.get("endpoints")
        ),
        Section("data", "What it learned from"): bool(metrics.get("data")),
        Section("cost", "What it cost"): bool(metrics.get("training") or metrics.get("cost")),
        Section("repeat", "How to repeat it"): True,
        Section("numbers", "How to read the numbers"): bool(metrics.get("comparison")),
    }
    return [section for section, there in wanted.items() if there]


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


def _figures(evidence: Evidence, groups: Sequence[Group], confidence: float) -> dict[str, Markup]:
    """The figures for which there is evidence, by the name the templates use."""
    drawn: dict[str, Markup] = {}
    rows = [
        (group.heading, [change for line in group.lines if (change := line.row.change())])
        for group in groups
    ]
    rows = [(heading, found) for heading, found in rows if found]
    if rows:
        drawn["changes"] = changes(rows, confidence)
    curves = _curves(evidence)
    if curves.train:
        drawn["curves"] = training_curves(curves)
    by_task = _task_curves(evidence)
    if len(by_task) > 1:
        drawn["task_curves"] = task_curves(by_task)
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


def _task_curves(evidence: Evidence) -> list[TaskCurve]:
    """The losses of the tasks that weighed most in training, in order of name."""
    weights: Counter[str] = Counter()
    for row in evidence.steps:
        for task, part in row.get("tasks", {}).items():
            weights[task] += part["weight"]
    return [
        TaskCurve(task, points, _task_points(evidence.validations, task))
        for task in sorted(task for task, _ in weights.most_common(PANELS))
        if (points := _task_points(evidence.steps, task))
    ]


def _task_points(rows: Sequence[dict[str, Any]], task: str) -> list[tuple[float, float]]:
    found = ((row["step"], row.get("tasks", {}).get(task)) for row in rows)
    return [
        (step, part["loss"])
        for step, part in found
        if part and part["weight"] and part["loss"] is not None
    ]


def _points(rows: Sequence[dict[str, Any]], field: str) -> list[tuple[float, float]]:
    return [(row["step"], row[field]) for row in rows if row[field] is not None]


def versions(evidence: Evidence) -> list[str]:
    """What pip is to install for the same versions, such as `torch==2.11.0`."""
    packages = evidence.environment.get("packages", {})
    return [
        f"{name}=={version.partition('+')[0]}"  # no index knows a local build such as `+cpu`
        for name in ("tutelage", "torch", "transformers")
        if (version := packages.get(name))
    ]


def _commands(evidence: Evidence) -> list[tuple[str, str]]:
    """What to type to do it again: a purpose and a command each."""
    pinned = versions(evidence)
    folder = shlex.quote(str(evidence.run.path))
    recipe = shlex.quote(str(evidence.run.recipe))
    trained = bool(evidence.metrics.get("training"))
    verb = "eval" if evidence.metrics.get("endpoints") and not trained else "run"
    commands = [("The same run again", f"tutelage {verb} {recipe} --out {folder}-again")]
    if pinned:
        commands.insert(0, ("The same versions", f"pip install {shlex.join(pinned)}"))
    if trained:
        again = f"tutelage eval {folder} && tutelage report {folder}"
        commands.append(("Only the evaluation and this page", again))
        commands.append(("Talk to the tuned model", f"tutelage chat {folder}"))
    return commands
