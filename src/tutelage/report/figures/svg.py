"""The few pieces every figure is made of: elements, text, scales, ticks.

Whatever comes from data passes through `element` or `label`, which escape it: a figure is
trusted markup for the template, so nothing else may build any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

from tutelage.report.text import visible

WIDE, NARROW = 820, 340

Attribute = str | float | None


def element(name: str, *children: Markup, **attributes: Attribute) -> Markup:
    """An SVG element. `_` in an attribute's name stands for `-`, and a final `_` is dropped."""
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value))
        for key, value in attributes.items()
        if value is not None
    )
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, Markup("").join(children))


def label(
    x: float,
    y: float,
    text: str,
    class_: str = "note",
    anchor: Literal["start", "middle", "end"] = "start",
) -> Markup:
    """A line of text with its baseline at `y`."""
    content = escape(visible(text))
    return element("text", content, x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def dot(x: float, y: float, radius: float, class_: str, tip: str | None = None) -> Markup:
    """A disc; `tip` is shown by browsers on hovering."""
    return element("circle", *tooltip(tip), cx=x, cy=y, r=radius, class_=class_)


def course(
    points: Iterable[tuple[float, float]],
    across: Callable[[float], float],
    up: Callable[[float], float],
    class_: str,
) -> Markup:
    """A line through points of data."""
    joined = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
    return element("polyline", points=joined, class_=class_)


def tooltip(tip: str | None) -> list[Markup]:
    """The child that gives an element a tip, or nothing."""
    return [] if tip is None else [element("title", escape(visible(tip)))]


def both_widths(
    name: str, title: str, description: str, draw: Callable[[int], tuple[int, Iterable[Markup]]]
) -> Markup:
    """A figure in both widths.

    Args:
        name: unique in the page; ids are made from it.
        title: what the figure shows.
        description: what it says, for who cannot see it.
        draw: width in pixels to the height and the parts.
    """
    drawings = []
    for kind, width in (("wide", WIDE), ("narrow", NARROW)):
        height, parts = draw(width)
        title_id, description_id = f"{name}-{kind}-title", f"{name}-{kind}-description"
        drawings.append(
            element(
                "svg",
                element("title", escape(visible(title)), id=title_id),
                element("desc", escape(visible(description)), id=description_id),
                *parts,
                class_=f"figure {kind}",
                viewBox=f"0 0 {width} {height}",
                width=width,
                height=height,
                role="img",
                aria_labelledby=f"{title_id} {description_id}",
            )
        )
    return Markup("").join(drawings)


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from data to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of `value`; beyond either end it stays at the end."""
        position = (value - self.low) / (self.high - self.low)
        return self.start + min(1.0, max(0.0, position)) * (self.end - self.start)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) from `low` to `high`, about so many."""
    rough = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def tick_text(value: float) -> str:
    """A tick's number, as short as it can be."""
    if value and abs(value) < 1e-3:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}".replace("-", "−")
    return f"{value:,.10g}".replace("-", "−")


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
