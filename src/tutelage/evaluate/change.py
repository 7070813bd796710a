"""A row of the comparison: one metric of one task for both models, in the shape of metrics.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tutelage.evaluate.direction import better
from tutelage.statistics import Comparison, Effect, Interval, detectable_from_error, holm


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one task, or of all tasks on one side (`overall`), for both models.

    Attributes:
        task: the task, or `OVERALL`.
        held_out: whether the task was kept from training.
        metric: the metric's name, or `primary` for the mean of the tasks' primary ones.
        primary: whether it is a task's primary metric, or the mean of those.
        items: how many items it was measured on.
        scale: value of a perfect score.
        higher_is_better: the metric's direction; None where neither side is better.
        base: value of the base model.
        base_interval: its interval.
        tuned: value of the tuned model.
        tuned_interval: its interval.
        difference: tuned minus base.
        interval: its paired interval.
        p_value: of the difference, two-sided.
        p_corrected: the same after Holm's correction over its family.
        significant: whether that is below one minus the confidence.
        signature: how the value was computed.
        details: what the metric adds, for `base` and for `tuned`.
        standard_error: bootstrap standard error of the difference.
        detectable: the smallest difference that so many items, of answers that vary so, would have
            shown in this family four times in five; None where nothing varied.
        effects: effect sizes by name, for means over items.
    """

    task: str
    held_out: bool
    metric: str
    primary: bool
    items: int
    scale: int
    higher_is_better: bool | None
    base: float
    base_interval: Interval
    tuned: float
    tuned_interval: Interval
    difference: float
    interval: Interval
    p_value: float
    p_corrected: float
    significant: bool
    signature: str
    details: dict[str, Any]
    standard_error: float | None = None
    detectable: float | None = None
    effects: dict[str, Effect] = field(default_factory=dict)

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Change:
        """The change that a row of `metrics.json` or of a suite's results stands for."""
        values = {one.name: row[one.name] for one in fields(cls)}
        for name in ("base_interval", "tuned_interval", "interval"):
            values[name] = tuple(row[name])
        values["effects"] = {
            name: Effect(effect["value"], tuple(effect["interval"]))
            for name, effect in row["effects"].items()
        }
        return cls(**values)

    @classmethod
    def of(
        cls,
        found: Comparison,
        *,
        task: str,
        metric: str,
        items: int,
        scale: int,
        higher_is_better: bool | None,
        signature: str,
        held_out: bool = False,
        primary: bool = False,
        details: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
    ) -> Change:
        """The row of a comparison, its p-value not corrected yet.

        Args:
            found: the comparison.
            task: and the rest as above.
            metric: see above.
            items: see above.
            scale: see above.
            higher_is_better: see above.
            signature: see above.
            held_out: see above.
            primary: see above.
            details: of the base and of the tuned model.
        """
        return cls(
            task=task,
            held_out=held_out,
            metric=metric,
            primary=primary,
            items=items,
            scale=scale,
            higher_is_better=higher_is_better,
            base=found.base,
            base_interval=found.base_interval,
            tuned=found.tuned,
            tuned_interval=found.tuned_interval,
            difference=found.difference,
            interval=found.interval,
            p_value=found.p_value,
            p_corrected=found.p_value,
            significant=False,
            signature=signature,
            details=dict(zip(("base", "tuned"), details, strict=True)) if any(details) else {},
            standard_error=found.standard_error,
            effects=found.effects,
        )

    @property
    def improved(self) -> bool:
        """Whether tuned is better than base, in the metric's direction."""
        return better(self.difference, self.higher_is_better) is True

    @property
    def worsened(self) -> bool:
        """Whether it is worse."""
        return better(self.difference, self.higher_is_better) is False


def corrected(family: Sequence[Change], confidence: float) -> list[Change]:
    """Rows corrected by Holm's procedure over the family, with what it could have shown."""
    adjusted = holm([change.p_value for change in family])
    return [
        replace(
            change,
            p_corrected=p_value,
            significant=p_value < 1 - confidence,
            detectable=detectable_from_error(
                change.standard_error or 0, confidence=confidence, tests=len(family)
            ),
        )
        for change, p_value in zip(family, adjusted, strict=True)
    ]
