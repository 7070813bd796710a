"""Loss against the number of training examples: every run, the curve, and how sure it is.

The axis of examples is logarithmic, where a power law bends evenly. What was measured and what is
foretold are told apart by a line at the largest subset; the foretold part is left out where the
curve is not to be believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tutelage.report.figures.svg import (
    NARROW,
    Scale,
    both_widths,
    dot,
    element,
    label,
    line,
    tick_text,
    ticks,
)
from tutelage.report.text import count, number


@dataclass(frozen=True, slots=True)
class Band:
    """The curve at a number of examples, and its interval."""

    examples: int
    loss: float
    low: float
    high: float


_LEFT, _RIGHT, _TOP, _HEIGHT, _AXIS = 52, 14, 26, 260, 38


def learning_curve(
    runs: Sequence[tuple[int, float]], bands: Sequence[Band], *, foretold: bool
) -> Markup:
    """The figure of a learning curve.

    Args:
        runs: examples and loss of each.
        bands: the curve, from the smallest subset on.
        foretold: whether to show it beyond the largest.
    """
    largest = max(examples for examples, _ in runs)
    shown = [band for band in bands if foretold or band.examples <= largest]
    described = "; ".join(f"{count(examples)}: {number(loss, 4)}" for examples, loss in runs)
    return both_widths(
        "learning-curve",
        "Lowest validation loss of each run against its number of training examples",
        described,
        lambda width: _draw(runs, shown, width),
    )


def _draw(
    runs: Sequence[tuple[int, float]], bands: Sequence[Band], width: int
) -> tuple[int, list[Markup]]:
    largest = max(examples for examples, _ in runs)
    losses = [loss for _, loss in runs] + [end for band in bands for end in (band.low, band.high)]
    apart = max(max(losses) - min(losses), 0.02 * abs(max(losses)), 1e-6)
    bottom = _TOP + _HEIGHT
    loss = Scale(min(losses) - 0.05 * apart, max(losses) + 0.05 * apart, bottom, _TOP)
    ends = [math.log2(examples) for examples, _ in runs] + [
        math.log2(band.examples) for band in bands
    ]
    across = Scale(min(ends) - 0.15, max(ends) + 0.15, _LEFT, width - _RIGHT)
    parts = [label(0, 11, "Lowest validation loss", "axis-title")]
    for tick in ticks(loss.low, loss.high, 6):
        parts.append(line(_LEFT, loss(tick), width - _RIGHT, loss(tick), "grid"))
        parts.append(label(_LEFT - 6, loss(tick) + 4, tick_text(tick), "tick", "end"))
    parts.extend(_numbers(runs, bands, across, bottom, narrow=width <= NARROW))
    parts.append(_band(bands, across, loss))
    curve = " ".join(_at(across, loss, band.examples, band.loss) for band in bands)
    parts.append(element("polyline", points=curve, class_="trend"))
    if bands[-1].examples > largest:
        at = across(math.log2(largest))
        parts.append(line(at, _TOP, at, bottom, "epoch"))
        parts.append(label(at + 6, _TOP + 12, "foretold →", "note halo"))
    for examples, value in runs:
        tip = f"{count(examples)} examples: {number(value, 4)}"
        parts.append(dot(across(math.log2(examples)), loss(value), 4, "point", tip))
    title = "training examples (each line is twice as many)"
    parts.append(label(width - _RIGHT, bottom + 32, title, "note", "end"))
    return bottom + _AXIS, parts


def _numbers(
    runs: Sequence[tuple[int, float]],
    bands: Sequence[Band],
    across: Scale,
    bottom: float,
    *,
    narrow: bool,
) -> Iterator[Markup]:
    """Lines at the largest subset's size halved and doubled, with the number of examples."""
    largest = max(examples for examples, _ in runs)
    low, high = bands[0].examples, bands[-1].examples
    steps = range(math.ceil(math.log2(low / largest)), int(math.log2(high / largest)) + 1)
    for step in steps:
        examples = largest * 2.0**step
        at = across(math.log2(examples))
        yield line(at, _TOP, at, bottom, "grid")
        if not narrow or step % 2 == 0:
            yield label(at, bottom + 15, count(examples), "tick", "middle")


def _band(bands: Sequence[Band], across: Scale, loss: Scale) -> Markup:
    upper = [_at(across, loss, band.examples, band.high) for band in bands]
    lower = [_at(across, loss, band.examples, band.low) for band in reversed(bands)]
    return element("polygon", points=" ".join([*upper, *lower]), class_="band")


def _at(across: Scale, loss: Scale, examples: int, value: float) -> str:
    return f"{across(math.log2(examples)):.1f},{loss(value):.1f}"
