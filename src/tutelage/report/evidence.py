"""What the report is made from: the parts of a run folder, read and joined once.

Any part may be missing, because a report is also wanted of a run that was only trained, or that
is being looked at while it trains. What is missing is empty here, and the page says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.evaluate.direction import better
from tutelage.report.answers import Answer, Scoring, read_answers
from tutelage.report.figures import Change
from tutelage.report.figures.intervals import Verdict
from tutelage.report.suite_items import SIDES, SuiteItem, read_suite_items
from tutelage.rundir import RunFolder, TrainLog, read_json

SCHEMA = 1
OVERALL = "overall"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of one task (or of all, `overall`): a row of `comparison` in metrics.json.

    Numbers are null where they could not be computed. Intervals are (low, high). Runs evaluated
    before effect sizes were told have neither them nor what could have been detected.
    """

    task: str
    held_out: bool
    metric: str
    primary: bool
    items: int
    scale: float
    higher_is_better: bool | None
    base: float | None
    base_interval: tuple[float | None, float | None]
    tuned: float | None
    tuned_interval: tuple[float | None, float | None]
    difference: float | None
    interval: tuple[float | None, float | None]
    p_value: float | None
    p_corrected: float | None
    significant: bool
    signature: str
    detectable: float | None = None
    effects: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def digits(self) -> int:
        """Decimals worth printing: three on a scale of 1, one on a scale of 100."""
        return 3 if self.scale == 1 else 1

    @property
    def verdict(self) -> Verdict:
        """Better or worse if significant, whatever the metric's direction; changed without one."""
        if not self.significant or not self.difference:
            return "unclear"
        good = better(self.difference, self.higher_is_better)
        return "changed" if good is None else "better" if good else "worse"

    @property
    def gain(self) -> float:
        """Improvement as a share of the scale; 0 where it is unknown, or neither side is better."""
        turn = {True: 1, False: -1, None: 0}[self.higher_is_better]
        return turn * (self.difference or 0.0) / self.scale

    def change(self) -> Change | None:
        """The row as a line of the figure; None where a number or the direction is missing."""
        low, high = self.interval
        if self.base is None or self.tuned is None or low is None or high is None:
            return None
        if self.higher_is_better is None:
            return None
        if not self.higher_is_better:
            low, high = -high, -low
        scoring = Scoring(self.metric, self.scale, self.higher_is_better)
        return Change(
            label=self.task,
            note=self.metric if self.higher_is_better else f"{self.metric}, less is better",
            base=scoring.quality(self.base),
            tuned=scoring.quality(self.tuned),
            gain=self.gain,
            low=low / self.scale,
            high=high / self.scale,
            verdict=self.verdict,
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the page shows.

    Attributes:
        run: where it was read.
        metrics: metrics.json, or empty.
        comparison: its comparison rows, typed.
        steps: step rows of the training log.
        validations: validation rows of the training log.
        environment: environment.json, or empty.
        recipe: the resolved recipe as text.
        answers: base and tuned answers side by side.
        suite_items: by suite, questions that both models were asked, side by side.
    """

    run: RunFolder
    metrics: dict[str, Any]
    comparison: tuple[Comparison, ...]
    steps: list[dict[str, Any]]
    validations: list[dict[str, Any]]
    environment: dict[str, Any]
    recipe: str
    answers: list[Answer]
    suite_items: dict[str, list[SuiteItem]]


def read_evidence(run: RunFolder) -> Evidence:
    """Read what is there.

    Raises:
        UserError: a part is damaged, or was written by a version with another schema.
    """
    metrics = read_json(run.metrics) if run.metrics.exists() else {}
    if metrics and metrics.get("schema") != SCHEMA:
        raise UserError(
            f"expected schema {SCHEMA}, found {metrics.get('schema')!r}",
            where=str(run.metrics),
            fix="evaluate the run again with this version: `tutelage eval RUN`",
        )
    comparison = comparison_rows(metrics.get("comparison") or [])
    log = TrainLog(run.log)
    return Evidence(
        run=run,
        metrics=metrics,
        comparison=comparison,
        steps=log.rows("step"),
        validations=log.rows("validation"),
        environment=read_json(run.environment) if run.environment.exists() else {},
        recipe=run.recipe.read_text(encoding="utf-8") if run.recipe.exists() else "",
        answers=_answers(run, comparison),
        suite_items=suite_items(run.suites, metrics.get("suites")),
    )


def comparison_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[Comparison, ...]:
    """Rows of `metrics.json`, typed; what the page has no use for is left out."""
    names = {each.name for each in fields(Comparison)}
    return tuple(
        Comparison(**{name: value for name, value in row.items() if name in names}) for row in rows
    )


def _answers(run: RunFolder, comparison: tuple[Comparison, ...]) -> list[Answer]:
    if not (run.base_predictions.exists() and run.tuned_predictions.exists()):
        return []
    primary = {
        row.task: Scoring(row.metric, row.scale, row.higher_is_better)
        for row in comparison
        if row.primary and row.task != OVERALL and row.higher_is_better is not None
    }
    return read_answers(run.base_predictions, run.tuned_predictions, primary)


def suite_items(folder: Path, results: Mapping[str, Any] | None) -> dict[str, list[SuiteItem]]:
    """By suite the questions worth reading.

    Args:
        folder: in which the replies lie, a folder a side.
        results: of suites; None where none was asked.

    Raises:
        UserError: replies are damaged.
    """
    if results is None:
        return {}
    primary = {one["suite"]: "" for one in results["suites"] if one["status"] == "run"}
    for row in results["measures"]:
        if row["primary"] and row["task"] == OVERALL:
            primary[row["suite"]] = primary.get(row["suite"]) or row["metric"]
    return read_suite_items(folder, primary, tuple(results.get("models", SIDES)))
