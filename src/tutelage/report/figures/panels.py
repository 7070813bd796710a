"""Figures along an axis, a small panel each: base and tuned model over the same places.

Every point has its interval, so that a line that wanders within them is seen to say nothing. Panels
of reliability have both axes from 0 to 1, and the line on which sureness and accuracy are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

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

Side = Literal["base", "tuned"]


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of a panel: its place, its value with the interval, and of how many items."""

    x: float
    y: float
    low: float
    high: float
    items: int


@dataclass(frozen=True, slots=True)
class Panel:
    """A small figure.

    Attributes:
        name: stands above it.
        axis: what its horizontal axis is.
        sides: the spots of each model, by rising place; at least one, of at least one.
        square: whether both axes go from 0 to 1, with a diagonal.
    """

    name: str
    axis: str
    sides: dict[Side, Sequence[Spot]]
    square: bool = False


_PANEL, _GAP, _LEFT, _TOP, _HEIGHT, _BELOW = 236, 20, 40, 30, 150, 50
_LETTER = 6.8
"""Pixels a letter takes, at most."""


def panels(name: str, title: str, drawn: Sequence[Panel]) -> Markup:
    """All panels, at least one.

    Args:
        name: unique in the page.
        title: what they show.
        drawn: from left to right, and down.
    """
    said = "; ".join(
        f"{panel.name}, {side}: "
        + ", ".join(f"{number(spot.y)} at {number(spot.x)}" for spot in spots)
        for panel in drawn
        for side, spots in panel.sides.items()
    )
    return both_widths(name, title, f"{said}.", lambda width: _draw(drawn, width))


def _draw(drawn: Sequence[Panel], width: int) -> tuple[int, list[Markup]]:
    columns = max(1, (width + _GAP) // (_PANEL + _GAP))
    across = (width - _GAP * (columns - 1)) / columns
    tall = _TOP + _HEIGHT + _BELOW
    parts: list[Markup] = []
    for place, panel in enumerate(drawn):
        row, column = divmod(place, columns)
        parts.extend(_panel(panel, column * (across + _GAP), row * tall, across))
    return -(-len(drawn) // columns) * tall, parts


def _panel(panel: Panel, left: float, top: float, width: float) -> Iterator[Markup]:
    everything = [spot for spots in panel.sides.values() for spot in spots]
    if panel.square:
        ends = [(0.0, 1.0), (0.0, 1.0)]
    else:
        ends = [
            _ends([spot.x for spot in everything]),
            _ends([end for spot in everything for end in (spot.low, spot.high, spot.y)]),
        ]
    bottom = top + _TOP + _HEIGHT
    across = Scale(*ends[0], left + _LEFT, left + width - 6)
    up = Scale(*ends[1], bottom, top + _TOP)
    yield label(left, top + 14, clip(panel.name, int(width / _LETTER)), "name")
    for tick in ticks(up.low, up.high, 4):
        yield line(across.start, up(tick), across.end, up(tick), "grid")
        yield label(across.start - 5, up(tick) + 4, tick_text(tick), "tick", "end")
    for tick in ticks(across.low, across.high, 4):
        yield label(across(tick), bottom + 15, tick_text(tick), "tick", "middle")
    axis = clip(panel.axis, int((width - _LEFT) / 5.6))
    yield label(across.end, bottom + 32, axis, "note small", "end")
    if panel.square:
        yield line(across.start, up.start, across.end, up.end, "epoch")
    for side, spots in panel.sides.items():
        yield from _side(side, spots, across, up)


def _side(side: Side, spots: Sequence[Spot], across: Scale, up: Scale) -> Iterator[Markup]:
    beside = -2.5 if side == "base" else 2.5  # intervals of both stand side by side
    for spot in spots:
        at = across(spot.x) + beside
        yield line(at, up(spot.low), at, up(spot.high), f"spread {side}")
    points = [(spot.x, spot.y) for spot in spots]
    yield course(points, lambda x: across(x) + beside, up, f"course {side}")
    for spot in spots:
        tip = (
            f"{side}, at {number(spot.x)}: {number(spot.y)} "
            f"({number(spot.low)} to {number(spot.high)}), {spot.items} items"
        )
        yield dot(across(spot.x) + beside, up(spot.y), 3.5, side, tip)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    apart = (high - low) or abs(high) or 1.0
    return low - 0.06 * apart, high + 0.06 * apart
