"""How training went: loss and learning rate on one axis of steps, in panels of their own.

One step's loss is noise around a trend, so the steps are drawn faintly and their running mean
firmly; validation losses are points with a line, the best one marked. Thousands of steps are
averaged in bins no narrower than a pixel, which a screen cannot show apart anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tutelage.report.figures.svg import (
    NARROW,
    Scale,
    both_widths,
    course,
    dot,
    label,
    line,
    tick_text,
    ticks,
)
from tutelage.report.text import number

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Curves:
    """What the figure shows; every point is (step, value).

    Attributes:
        train: loss of each step.
        validation: validation losses.
        learning_rate: learning rate of each step.
        epochs: steps at which an epoch ended.
        best: step whose weights were kept, if one was chosen by validation.
    """

    train: Sequence[Point]
    validation: Sequence[Point]
    learning_rate: Sequence[Point]
    epochs: Sequence[float]
    best: float | None


_LEFT, _RIGHT, _TOP, _LOSS, _GAP, _RATE = 44, 12, 24, 220, 40, 60


def training_curves(curves: Curves) -> Markup:
    """The figure of a training run; at least one training loss must be there."""
    trend = running_mean(curves.train)
    described = (
        f"Training loss from {number(trend[0][1])} to {number(trend[-1][1])} "
        f"over {curves.train[-1][0]:.0f} steps."
    )
    if curves.validation:
        lowest = min(curves.validation, key=lambda point: point[1])
        described += f" Lowest validation loss {number(lowest[1])} at step {lowest[0]:.0f}."
    return both_widths(
        "curves", "Training and validation loss, and the learning rate", described,
        lambda width: _draw(curves, trend, width),
    )  # fmt: skip


def running_mean(points: Sequence[Point]) -> list[Point]:
    """Each value averaged with its neighbours within a twentieth of the run on either side."""
    reach = max(1, len(points) // 20)
    means = []
    for index, (step, _) in enumerate(points):
        near = points[max(0, index - reach) : index + reach + 1]
        means.append((step, sum(value for _, value in near) / len(near)))
    return means


def thinned(points: Sequence[Point], limit: int) -> list[Point]:
    """At most `limit` points: the means of runs of neighbours of equal length."""
    size = -(-len(points) // limit) if points else 1
    bins = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        (sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group))
        for group in bins
    ]


def _draw(curves: Curves, trend: Sequence[Point], width: int) -> tuple[int, list[Markup]]:
    step = Scale(0, max(point[0] for point in curves.train), _LEFT, width - _RIGHT)
    shown = thinned(curves.train, width // 2)
    losses = [value for _, value in [*shown, *curves.validation]]
    spread = max(losses) - min(losses) or max(losses) or 1.0
    low, high = min(losses) - 0.06 * spread, max(losses) + 0.06 * spread
    loss = Scale(max(0.0, low) if low > -spread else low, high, _TOP + _LOSS, _TOP)
    bottom = _TOP + _LOSS
    parts = [
        label(0, 11, "Loss", "axis-title"),
        *_axes(loss, step, 5),
        *_epochs(curves, step, loss),
        course(shown, step, loss, "raw"),
        course(thinned(trend, width // 2), step, loss, "trend"),
        *_validation(curves, step, loss),
        *_legend(bool(curves.validation), width),
    ]
    if curves.learning_rate:
        top = bottom + _GAP
        parts.append(label(0, top - 10, "Learning rate", "axis-title"))
        highest = max(value for _, value in curves.learning_rate) or 1.0
        rate = Scale(0.0, highest * 1.05, top + _RATE, top)
        parts.extend(_axes(rate, step, 2))
        parts.append(course(thinned(curves.learning_rate, width // 2), step, rate, "rate"))
        bottom = top + _RATE
    parts.extend(
        label(step(tick), bottom + 15, tick_text(tick), "tick", "middle")
        for tick in ticks(0, step.high, 4 if width <= NARROW else 8)
        if tick == round(tick)
    )
    parts.append(label(width - _RIGHT, bottom + 30, "optimizer steps", "note", "end"))
    return bottom + 36, parts


def _axes(scale: Scale, step: Scale, about: int) -> Iterator[Markup]:
    for tick in ticks(scale.low, scale.high, about):
        yield line(step.start, scale(tick), step.end, scale(tick), "grid")
        yield label(step.start - 6, scale(tick) + 4, tick_text(tick), "tick", "end")


def _epochs(curves: Curves, step: Scale, loss: Scale) -> Iterator[Markup]:
    for epoch, end in enumerate(curves.epochs, start=1):
        yield line(step(end), loss.end, step(end), loss.start, "epoch")
        if len(curves.epochs) <= 6:
            yield label(step(end) - 4, loss.start - 5, f"epoch {epoch}", "note small", "end")


def _validation(curves: Curves, step: Scale, loss: Scale) -> Iterator[Markup]:
    if not curves.validation:
        return
    yield course(curves.validation, step, loss, "validation")
    for at, value in curves.validation:
        best = at == curves.best
        tip = f"step {at:.0f}: validation loss {number(value, 4)}"
        yield dot(
            step(at), loss(value), 5.5 if best else 3, f"validation{' best' if best else ''}", tip
        )
        if best:
            right = step(at) > (step.start + step.end) * 0.8
            x, anchor = (step(at) - 9, "end") if right else (step(at), "middle")
            text = f"best, step {at:.0f}: {number(value)}"
            yield label(
                x, loss(value) - 12, text, "name halo", "end" if anchor == "end" else "middle"
            )


def _legend(validation: bool, width: int) -> Iterator[Markup]:
    x = 60.0
    entries = [("trend", "training, running mean"), ("raw", "each step")]
    if width <= NARROW:
        entries[0] = ("trend", "training")
    if validation:
        entries.append(("validation", "validation"))
    for kind, text in entries:
        yield line(x, 7, x + 16, 7, kind)
        yield label(x + 21, 11, text)
        x += 40 + 6.1 * len(text)
