"""Base against tuned, a task a line: where the two scores lie, and what the difference may be.

Two panels say two things that one would blur: the left the level (a task at 0.9 and one at 0.1
can gain the same), the right the evidence (the interval of the paired difference, which the two
models' own intervals do not give). Differences are turned so that better is always to the
right, also for scores of which less is better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from tutelage.report.figures.svg import (
    NARROW,
    Scale,
    both_widths,
    dot,
    label,
    line,
    tick_text,
    ticks,
)
from tutelage.report.text import clip, number, signed

Verdict = Literal["better", "worse", "changed", "unclear"]
"""What is significant, of a figure without a direction `changed`; else `unclear`."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the figure; every number is a share of its metric's scale.

    Attributes:
        label: the task.
        note: the metric.
        base: score of the base model, turned so that more is better.
        tuned: score of the tuned model, turned likewise.
        gain: improvement, positive where tuned is better.
        low: lower end of the gain's interval.
        high: upper end.
        verdict: better or worse only where significant.
    """

    label: str
    note: str
    base: float
    tuned: float
    gain: float
    low: float
    high: float
    verdict: Verdict


_TOP, _HEADING, _AXIS, _LABEL = 40, 32, 20, 34
# Above so many tasks a line is lower and leaves the metric to the table.
_MANY = 30


def changes(groups: Sequence[tuple[str, Sequence[Change]]], confidence: float) -> Markup:
    """The comparison figure: groups of tasks under their headings."""
    rows = [row for _, group in groups for row in group]
    best = sum(row.verdict == "better" for row in rows)
    worst = sum(row.verdict == "worse" for row in rows)
    described = "; ".join(
        f"{row.label}: {row.base:.2f} to {row.tuned:.2f}, gain {signed(row.gain, 2)} "
        f"({signed(row.low, 2)} to {signed(row.high, 2)})"
        for row in rows
    )
    return both_widths(
        "changes",
        "Score of base and tuned model by task, and the paired difference with its interval",
        f"{best} of {len(rows)} tasks significantly better, {worst} significantly worse. "
        + described,
        lambda width: _draw(groups, confidence, width),
    )


def _draw(
    groups: Sequence[tuple[str, Sequence[Change]]], confidence: float, width: int
) -> tuple[int, list[Markup]]:
    narrow = width <= NARROW
    rows = [row for _, group in groups for row in group]
    brief = len(rows) > _MANY
    row_height = (44 if brief else 52) if narrow else (22 if brief else 36)
    longest = max(len(clip(row.label, _LABEL)) for row in rows)
    label_width = 0 if narrow else min(250, max(130, 24 + 7 * longest))
    middle = label_width + (width - label_width) * (0.47 if narrow else 0.5)
    gap = 14 if narrow else 26
    reach = max(0.05, *(max(abs(row.low), abs(row.high)) for row in rows)) * 1.05
    top = max(1.0, *(max(row.base, row.tuned) for row in rows))
    level = Scale(0.0, top, label_width + 8, middle - gap)
    change = Scale(-reach, reach, middle + gap, width - 8)

    body: list[Markup] = []
    y = float(_TOP)
    for heading, group in groups:
        body.append(label(0, y + 20, heading, "heading"))
        y += _HEADING
        for row in group:
            body.append(line(0, y, width, y, "grid"))
            body.extend(_row(row, y, row_height, (level, change), narrow=narrow, brief=brief))
            y += row_height
        y += 6
    frame = _frame(level, change, y, confidence, narrow=narrow)
    return int(y + _AXIS), [*frame, *body]


def _frame(
    level: Scale, change: Scale, bottom: float, confidence: float, *, narrow: bool
) -> Iterator[Markup]:
    zero = change(0)
    yield label(level.start, 11, "Score", "axis-title")
    yield dot(level.start + 4, 25, 4, "base")
    yield label(level.start + 12, 29, "base")
    yield dot(level.start + 52, 25, 4.5, "tuned")
    yield label(level.start + 61, 29, "tuned")
    yield label(zero, 11, f"Difference, {100 * confidence:g}% interval", "axis-title", "middle")
    yield label(zero - 7, 29, "← worse", "note", "end")
    yield label(zero + 7, 29, "better →")
    for scale, about in ((level, 2 if narrow else 5), (change, 3 if narrow else 9)):
        for tick in ticks(scale.low, scale.high, about):
            kind = "zero" if tick == 0 and scale is change else "grid"
            yield line(scale(tick), _TOP - 6, scale(tick), bottom, kind)
            plus = "+" if scale is change and tick > 0 else ""
            yield label(scale(tick), bottom + 15, plus + tick_text(tick), "tick", "middle")


def _row(
    row: Change, y: float, height: float, scales: tuple[Scale, Scale], *, narrow: bool, brief: bool
) -> Iterator[Markup]:
    level, change = scales
    centre = y + height - 14 if narrow else y + height / 2
    if narrow:
        yield label(0, y + 17, clip(row.label, 30), "name halo")
        if not brief:
            yield label(NARROW, y + 17, clip(row.note, 16), "note halo", "end")
    else:
        yield label(0, centre + (4 if brief else -1), clip(row.label, _LABEL), "name")
        if not brief:
            yield label(0, centre + 12, clip(row.note, _LABEL + 4), "note small")
    scores = f"{row.label}, {row.note}: base {number(row.base)}, tuned {number(row.tuned)}"
    yield line(level(row.base), centre, level(row.tuned), centre, f"stem {row.verdict}")
    yield dot(level(row.base), centre, 4, "base", scores)
    yield dot(level(row.tuned), centre, 4.5, f"tuned {row.verdict}", scores)
    gains = f"gain {signed(row.gain)} ({signed(row.low)} to {signed(row.high)})"
    yield from _whisker(change, (row.low, row.gain, row.high), centre, row.verdict, gains)


def _whisker(
    scale: Scale, values: tuple[float, float, float], y: float, verdict: Verdict, tip: str
) -> Iterator[Markup]:
    """A line from the lowest to the highest of three values and a dot at the middle one."""
    low, value, high = values
    yield line(scale(low), y, scale(high), y, f"whisker {verdict}")
    yield dot(scale(value), y, 4.5, f"point {verdict}", tip)


def single_interval(
    name: str,
    title: str,
    values: tuple[float, float, float],
    verdict: Verdict,
    ends: tuple[str, str],
) -> Markup:
    """One difference with its interval around zero.

    Args:
        name: unique in the page.
        title: what is shown.
        values: lower end of the interval, difference, upper end.
        verdict: colours it.
        ends: what left and right of zero mean.
    """
    low, value, high = values
    reach = max(abs(low), abs(high), 1e-9) * 1.25
    found = f"{signed(value)} ({signed(low)} to {signed(high)})"

    def draw(width: int) -> tuple[int, list[Markup]]:
        scale = Scale(-reach, reach, 8, width - 8)
        parts = [
            label(8, 11, f"← {ends[0]}"),
            label(width - 8, 11, f"{ends[1]} →", anchor="end"),
        ]
        for tick in ticks(-reach, reach, 4 if width <= NARROW else 8):
            parts.append(line(scale(tick), 20, scale(tick), 52, "grid" if tick else "zero"))
            parts.append(label(scale(tick), 66, tick_text(tick), "tick", "middle"))
        parts.extend(_whisker(scale, values, 36, verdict, found))
        return 72, parts

    return both_widths(name, title, found, draw)
