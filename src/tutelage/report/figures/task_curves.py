"""How each task was learned: a small panel a task, all over the same steps.

A mixture's one loss hides a task that stopped learning behind others that go on. Tasks differ
severalfold in loss, so each panel has a scale of its own, with its highest and lowest tick; what is
compared is the shape. A step that has nothing of a task is no point of its panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tutelage.report.figures.curves import Point, running_mean, thinned
from tutelage.report.figures.svg import (
    Scale,
    both_widths,
    course,
    dot,
    label,
    line,
    tick_text,
    ticks,
)
from tutelage.report.text import clip, number

_PANEL, _GAP, _LEFT, _TOP, _HEIGHT, _BELOW = 180, 16, 34, 24, 84, 26
_LETTER = 6.6
"""Pixels a letter of a panel's name takes, at most."""


@dataclass(frozen=True, slots=True)
class TaskCurve:
    """One task's losses; every point is (step, value).

    Attributes:
        task: its name.
        train: loss of each step that had something of it, at least one.
        validation: its validation losses.
    """

    task: str
    train: Sequence[Point]
    validation: Sequence[Point]


def task_curves(curves: Sequence[TaskCurve]) -> Markup:
    """The panels of all tasks, at least one."""
    last = max(curve.train[-1][0] for curve in curves)
    said = []
    for curve in curves:
        trend = running_mean(curve.train)
        said.append(f"{curve.task} from {number(trend[0][1])} to {number(trend[-1][1])}")
    return both_widths(
        "task-curves", "Loss of each task", f"Training loss: {'; '.join(said)}.",
        lambda width: _draw(curves, last, width),
    )  # fmt: skip


def _draw(curves: Sequence[TaskCurve], last: float, width: int) -> tuple[int, list[Markup]]:
    columns = max(1, (width + _GAP) // (_PANEL + _GAP))
    panel = (width - _GAP * (columns - 1)) / columns
    tall = _TOP + _HEIGHT + _BELOW
    parts: list[Markup] = []
    for place, curve in enumerate(curves):
        row, column = divmod(place, columns)
        parts.extend(_panel(curve, last, column * (panel + _GAP), row * tall, panel))
    return -(-len(curves) // columns) * tall, parts


def _panel(curve: TaskCurve, last: float, x: float, y: float, width: float) -> list[Markup]:
    step = Scale(0, last, x + _LEFT, x + width - 4)
    trend = thinned(running_mean(curve.train), int(width) // 2)
    losses = [value for _, value in [*trend, *curve.validation]]
    spread = max(losses) - min(losses) or max(losses) or 1.0
    loss = Scale(
        max(0.0, min(losses) - 0.08 * spread), max(losses) + 0.08 * spread, y + _TOP + _HEIGHT,
        y + _TOP,
    )  # fmt: skip
    shown = ticks(loss.low, loss.high, 2)
    parts = [label(x, y + 12, clip(curve.task, int(width / _LETTER)), "name")]
    for tick in shown:
        parts.append(line(step.start, loss(tick), step.end, loss(tick), "grid"))
        parts.append(label(step.start - 5, loss(tick) + 4, tick_text(tick), "tick", "end"))
    parts.append(course(trend, step, loss, "trend"))
    if curve.validation:
        parts.append(course(curve.validation, step, loss, "validation"))
        parts += [
            dot(step(at), loss(value), 2.5, "validation", f"step {at:.0f}: {number(value, 4)}")
            for at, value in curve.validation
        ]
    parts.append(label(step.end, loss.start + 14, f"step {last:.0f}", "tick", "end"))
    return parts
