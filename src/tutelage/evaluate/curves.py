"""Figures of a suite that lie along an axis: attack success by pressure, scores by distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A measure of the suite, and where it stands.

    Attributes:
        x: its place on the axis.
        task: the part of the suite that the measure is of; the whole where empty.
        metric: what the measure is called.
    """

    x: float
    task: str
    metric: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Measures along an axis, by rising place; each stands among the others with its interval.

    Attributes:
        axis: what the axis is, with its unit.
        metric: what the values are.
        points: at least one.
    """

    axis: str
    metric: str
    points: Sequence[CurvePoint]
