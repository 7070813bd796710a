"""What quality costs: each trial of a sweep against its parameters, its time and its memory.

Three panels share one axis of quality, so that a trial is found at the same height in all of them,
and its number names it in the table. A trial that was stopped early is drawn hollow: it stands
where it was stopped, and might have come further.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
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
from tutelage.report.text import count, duration, number, size


@dataclass(frozen=True, slots=True)
class Point:
    """A trial.

    Attributes:
        number: in the table.
        name: what it varies.
        loss: validation loss, less is better.
        parameters: trainable ones.
        seconds: of training.
        memory: peak, in bytes.
        finished: whether it trained to its end.
        best: whether it won.
    """

    number: int
    name: str
    loss: float
    parameters: int
    seconds: float
    memory: int
    finished: bool
    best: bool


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    value: Callable[[Point], float]
    words: Callable[[float], str]
    logarithmic: bool = False


_PANELS = (
    _Panel("Trainable parameters", lambda point: point.parameters, count, logarithmic=True),
    _Panel("Training time, s", lambda point: point.seconds, duration),
    _Panel("Peak memory, MB", lambda point: point.memory / 1e6, lambda mega: size(mega * 1e6)),
)
_LEFT, _TOP, _HEIGHT, _AXIS, _GAP = 46, 30, 230, 34, 26


def tradeoff(points: Sequence[Point]) -> Markup:
    """The figure of a sweep; at least one trial must have a loss."""
    described = "; ".join(
        f"{point.number} ({point.name}): validation loss {number(point.loss)}, "
        f"{count(point.parameters)} trainable parameters, {duration(point.seconds)}, "
        f"{size(point.memory)}{'' if point.finished else ', stopped early'}"
        for point in points
    )
    return both_widths(
        "tradeoff",
        "Validation loss of each trial against trainable parameters, time and memory",
        described,
        lambda width: _draw(points, width),
    )


def _draw(points: Sequence[Point], width: int) -> tuple[int, list[Markup]]:
    losses = _widened([point.loss for point in points])
    stacked = width <= NARROW
    parts: list[Markup] = [label(0, 11, "Validation loss, less is better", "axis-title")]
    top = float(_TOP)
    each = (width - _LEFT - 2 * _GAP) / 3
    for at, panel in enumerate(_PANELS):
        left = _LEFT if stacked else _LEFT + at * (each + _GAP)
        right = width - 10 if stacked else left + each
        quality = Scale(losses[0], losses[1], top + _HEIGHT, top)
        parts.extend(_panel(points, panel, quality, (left, right), numbered=stacked or at == 0))
        if stacked:
            top += _HEIGHT + _AXIS + _GAP
    height = top if stacked else top + _HEIGHT + _AXIS + 12
    return int(height), parts


def _panel(
    points: Sequence[Point],
    panel: _Panel,
    quality: Scale,
    ends: tuple[float, float],
    *,
    numbered: bool,
) -> Iterator[Markup]:
    """One panel; the values of its quality axis are written where `numbered`."""
    left, right = ends
    bottom, top = quality.start, quality.end
    across, marks = _across(panel, [panel.value(point) for point in points], ends)
    for tick in ticks(quality.low, quality.high, 6):
        yield line(left, quality(tick), right, quality(tick), "grid")
        if numbered:
            yield label(left - 8, quality(tick) + 4, tick_text(tick), "tick", "end")
    for value in marks:
        yield line(across(value), top, across(value), bottom, "grid")
        yield label(across(value), bottom + 15, _short(value), "tick", "middle")
    yield label((left + right) / 2, bottom + 32, panel.title, "axis-title", "middle")
    places = [(across(panel.value(point)), quality(point.loss)) for point in points]
    for point, (x, y) in zip(points, places, strict=True):
        kind = ("point better" if point.best else "point") if point.finished else "base"
        words = panel.words(panel.value(point))
        tip = f"{point.number} ({point.name}): {number(point.loss)}, {words}"
        yield dot(x, y, 5, kind, tip)
        # The number goes to the other side of its dot where the edge or another dot is near.
        is_free = x < right - 16 and not any(
            0 < other - x < 24 and abs(height - y) < 10 for other, height in places
        )
        side: Literal["start", "end"] = "start" if is_free else "end"
        yield label(x + (9 if is_free else -9), y + 4, str(point.number), "note halo", side)


def _across(
    panel: _Panel, values: Sequence[float], ends: tuple[float, float]
) -> tuple[Callable[[float], float], list[float]]:
    """A panel's values to pixels, and its ticks."""
    inner = (ends[0] + 12, ends[1] - 12)
    if not panel.logarithmic:
        low, high = _widened(values)
        low = max(0.0, low)
        return Scale(low, high, *inner), ticks(low, high, 3)
    low, high = _widened([math.log10(max(1.0, value)) for value in values], least=0.6)
    scale = Scale(low, high, *inner)
    steps = (1,) if high - low > 2 else (1, 2, 5)
    marks = [step * 10.0**power for power in range(int(low) - 1, int(high) + 2) for step in steps]
    return (
        lambda value: scale(math.log10(max(1.0, value))),
        [mark for mark in marks if low <= math.log10(mark) <= high],
    )


def _widened(values: Sequence[float], least: float = 0.0) -> tuple[float, float]:
    """Ends a little beyond all values, and apart even if they are all the same."""
    low, high = min(values), max(values)
    apart = max(high - low, least, 0.02 * abs(high), 1e-6)
    middle = (low + high) / 2
    return middle - 0.6 * apart, middle + 0.6 * apart


def _short(value: float) -> str:
    """A tick with its thousands as letters."""
    for power, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= power:
            return f"{value / power:g}{letter}"
    return tick_text(value)
