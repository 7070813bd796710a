"""One whole and its parts: a bar divided in proportion, each part named below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tutelage.report.figures.svg import both_widths, element, tooltip
from tutelage.report.text import count, share


@dataclass(frozen=True, slots=True)
class Segment:
    """A part: its name, its amount, and the class that colours it."""

    name: str
    amount: int
    kind: str


def stacked_bar(name: str, title: str, segments: Sequence[Segment]) -> Markup:
    """A bar of `segments` in order; a part that is not empty is at least 2 pixels wide."""
    whole = sum(segment.amount for segment in segments)
    present = [segment for segment in segments if segment.amount]
    described = "; ".join(
        f"{segment.name} {count(segment.amount)} ({share(segment.amount, whole)})"
        for segment in segments
    )

    def draw(width: int) -> tuple[int, list[Markup]]:
        free = width - 2 * len(present)
        x = 0.0
        parts = []
        for segment in present:
            wide = 2 + free * segment.amount / whole
            tip = f"{segment.name}: {count(segment.amount)} ({share(segment.amount, whole)})"
            parts.append(
                element(
                    "rect", *tooltip(tip), x=x, y=0, width=max(1.0, wide - 1), height=18,
                    class_=f"fate {segment.kind}",
                )
            )  # fmt: skip
            x += wide
        return 18, parts

    return both_widths(name, title, described, draw)
