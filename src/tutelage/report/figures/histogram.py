"""How long the rows are: counts of rows by tokens.

Lengths have long tails. The axis ends at the 99th percentile and one last bar holds whatever is
longer; otherwise a single row of 4,000 tokens would press all others into one bar.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from tutelage.report.figures.svg import (
    NARROW,
    Scale,
    both_widths,
    element,
    label,
    line,
    tick_text,
    ticks,
    tooltip,
)
from tutelage.report.text import count

_TOP, _HEIGHT, _LEFT, _RIGHT, _BARS, _FEWEST = 22, 130, 44, 46, 36, 12


def histogram(name: str, title: str, lengths: Sequence[int]) -> Markup:
    """Counts of `lengths` (in tokens; at least one) with the median marked.

    Args:
        name: unique in the page.
        title: what is counted.
        lengths: one number a row.
    """
    values = np.asarray(lengths)
    median, near, longest = np.percentile(values, [50, 95, 100])
    described = (
        f"{count(len(values))} rows; median {median:.0f} tokens, 95% of rows at most "
        f"{near:.0f}, longest {longest:.0f}."
    )
    return both_widths(name, title, described, lambda width: _draw(values, float(median), width))


def _draw(values: np.ndarray, median: float, width: int) -> tuple[int, list[Markup]]:
    edges = _edges(values)
    inside = values[values < edges[-1]]
    counts, _ = np.histogram(inside, bins=edges)
    beyond = len(values) - len(inside)
    highest = int(max(counts.max(), beyond))
    across = Scale(edges[0], edges[-1], _LEFT, width - _RIGHT)
    up = Scale(0, highest * 1.08, _TOP + _HEIGHT, _TOP)

    parts = [label(0, 11, "Rows", "axis-title")]
    for tick in ticks(0, up.high, 4):
        if tick == round(tick):
            parts.append(line(_LEFT, up(tick), width - 8, up(tick), "grid"))
            parts.append(label(_LEFT - 6, up(tick) + 4, tick_text(tick), "tick", "end"))
    for low, high, amount in zip(edges, edges[1:], counts, strict=False):
        tip = f"{low:.0f} to {high - 1:.0f} tokens: {count(amount)} rows"
        parts.append(_bar(across(low), across(high), up, int(amount), tip))
    if beyond:
        tip = f"{edges[-1]:.0f} tokens or more: {count(beyond)} rows"
        parts.append(_bar(width - 32, width - 14, up, beyond, tip))
        parts.append(label(width - 23, up.start + 15, f"≥{edges[-1]:,.0f}", "tick", "middle"))
    parts.append(line(across(median), up.end - 4, across(median), up.start, "marker"))
    parts.append(label(across(median) + 5, up.end + 4, f"median {median:.0f}", "name halo"))
    parts.extend(
        label(across(tick), up.start + 15, tick_text(tick), "tick", "middle")
        for tick in ticks(edges[0], edges[-1], 3 if width <= NARROW else 7)
        if tick == round(tick) and (not beyond or across(tick) < width - 66)
    )
    parts.append(label(width - 8, up.start + 31, "tokens", "note", "end"))
    return _TOP + _HEIGHT + 36, parts


def _edges(values: np.ndarray) -> np.ndarray:
    """Edges of bars of equal whole width, from zero or near the shortest to the 99th percentile."""
    low, high = int(values.min()), int(np.percentile(values, 99)) + 1
    low = 0 if low < 0.3 * high else low
    if high - low < _FEWEST:  # rows all about as long: bars of a usual width in the middle
        low = max(0, low - _FEWEST // 2)
        high = low + _FEWEST
    step = max(1, -(-(high - low) // _BARS))
    return np.arange(low, high + step, step)


def _bar(left: float, right: float, up: Scale, amount: int, tip: str) -> Markup:
    top = up(amount)
    if amount:
        top = min(top, up.start - 1)
    gap = 1 if right - left > 3 else 0
    return element(
        "rect",
        *tooltip(tip),
        x=left,
        y=top,
        width=right - left - gap,
        height=up.start - top,
        class_="bar",
    )
