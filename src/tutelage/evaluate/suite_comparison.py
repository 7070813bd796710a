"""What the suites show of two models, or of one: measure by measure, with intervals.

Measures of the same questions are resampled together, those of one source together (see
`Question.source`). Two families of hypotheses are corrected by Holm's procedure over all suites:
the primary measures of whole suites, by which a verdict goes, and all the others, which help to
understand it. A measure that says nothing (no item) is left out.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tutelage.evaluate.change import Change, corrected
from tutelage.evaluate.gates import OVERALL
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.question import Question
from tutelage.evaluate.suite import Area
from tutelage.statistics import (
    Interval,
    Measurement,
    bootstrap,
    paired_draws,
    value_interval,
)


@dataclass(frozen=True, slots=True)
class SuiteChange:
    """One measure of a suite for two models."""

    suite: str
    area: Area
    change: Change

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> SuiteChange:
        """The measure that a row of `results.json` stands for."""
        return cls(row["suite"], row["area"], Change.of_row(row))


@dataclass(frozen=True, slots=True)
class SuiteValue:
    """One measure of a suite for one model."""

    suite: str
    area: Area
    task: str
    metric: str
    primary: bool
    items: int
    scale: int
    higher_is_better: bool | None
    value: float
    interval: Interval
    signature: str

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> SuiteValue:
        """The measure that a row of `results.json` stands for."""
        return cls(**{**row, "interval": tuple(row["interval"])})


@dataclass(frozen=True, slots=True)
class Measured:
    """A suite's measures of one model.

    Attributes:
        suite: what it is called.
        area: what it tells about.
        questions: that were asked.
        measures: of the replies.
    """

    suite: str
    area: Area
    questions: Sequence[Question]
    measures: Sequence[Measure]


def drawn(questions: Sequence[Question], most: int | None, seed: int) -> list[Question]:
    """At most so many questions, whole sources at a time, drawn by a hash, in their order.

    The draw of a number holds that of every smaller one, but for sources that do not fit.
    """
    if most is None or len(questions) <= most:
        return list(questions)
    sources: dict[str, list[int]] = {}
    for at, question in enumerate(questions):
        sources.setdefault(question.source, []).append(at)

    def rank(source: str) -> bytes:
        return hashlib.sha256(f"{seed}\0{source}".encode()).digest()

    chosen: list[int] = []
    for source in sorted(sources, key=rank):
        if len(chosen) + len(sources[source]) <= most:
            chosen += sources[source]
        if len(chosen) == most:
            break
    return [questions[at] for at in sorted(chosen)]


def compare_suites(
    base: Sequence[Measured],
    tuned: Sequence[Measured],
    options: EvaluateOptions,
    earlier: Sequence[SuiteChange] = (),
) -> list[SuiteChange]:
    """Compare two models by what both were asked.

    Args:
        base: the suites of one model.
        tuned: the same suites of the other.
        options: confidence, resamples and seed.
        earlier: what other suites have shown of the two, which is corrected with these.
    """
    rows = list(earlier)
    rows += [
        SuiteChange(one.suite, one.area, change)
        for one, other in zip(base, tuned, strict=True)
        for change in _changes(one, other, options)
    ]
    for primary in (True, False):
        family = [at for at, row in enumerate(rows) if row.change.primary is primary]
        changes = corrected([rows[at].change for at in family], options.confidence)
        for at, change in zip(family, changes, strict=True):
            rows[at] = replace(rows[at], change=change)
    return rows


def values_of(model: Sequence[Measured], options: EvaluateOptions) -> list[SuiteValue]:
    """The values of one model, with their intervals."""
    rows = []
    for suite in model:
        for measure, clusters in _with_sources(suite):
            measurement = _measurement(measure)
            draws = bootstrap(
                [measurement],
                resamples=options.resamples,
                seed=_seed(suite, measure, options),
                clusters=clusters,
            )[:, 0]
            rows.append(
                SuiteValue(
                    suite=suite.suite,
                    area=suite.area,
                    task=measure.task or OVERALL,
                    metric=measure.metric,
                    primary=measure.primary,
                    items=len(measure.items),
                    scale=measure.scale,
                    higher_is_better=measure.higher_is_better,
                    value=measurement.value,
                    interval=value_interval(measurement, draws, options.confidence, clusters),
                    signature=measure.scores.signature,
                )
            )
    return rows


def _changes(base: Measured, tuned: Measured, options: EvaluateOptions) -> list[Change]:
    changes = []
    for (one, clusters), other in zip(_with_sources(base), _asked(tuned), strict=True):
        found = paired_draws(
            [_measurement(one)],
            [_measurement(other)],
            resamples=options.resamples,
            seed=_seed(base, one, options),
            clusters=clusters,
        )[0].summary(options.confidence)
        changes.append(
            Change.of(
                found,
                task=one.task or OVERALL,
                metric=one.metric,
                primary=one.primary,
                items=len(one.items),
                scale=one.scale,
                higher_is_better=one.higher_is_better,
                signature=one.scores.signature,
                details=(one.scores.details, other.scores.details),
            )
        )
    return changes


def _asked(model: Measured) -> list[Measure]:
    return [measure for measure in model.measures if len(measure.items)]


def _with_sources(model: Measured) -> list[tuple[Measure, list[str] | None]]:
    """Measures with the source of each of their items, if any has one with another."""
    found = []
    for measure in _asked(model):
        sources = [model.questions[at].source for at in measure.items]
        found.append((measure, sources if len(set(sources)) < len(sources) else None))
    return found


def _measurement(measure: Measure) -> Measurement:
    return Measurement(measure.scores.statistics, measure.aggregate, bounds=measure.bounds)


def _seed(suite: Measured, measure: Measure, options: EvaluateOptions) -> list[int]:
    """A stream that other measures do not disturb; measures of the same part share it."""
    return [options.seed, zlib.crc32(f"{suite.suite}\0{measure.task}".encode())]
