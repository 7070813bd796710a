"""`tutelage score`: the predictions in a file, scored with intervals.

Rows are JSON Lines; what they hold depends on the metric (`score_rows`). A row that cannot be
scored stops the job with its place and its fix: a score over the rows that happened to be readable
is not the score that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from tutelage.constraints.own import load_kinds
from tutelage.errors import UserError
from tutelage.evaluate.forms import form_references, needs_form
from tutelage.evaluate.options import AnswerForm
from tutelage.evaluate.silence import silence_note
from tutelage.metrics import METRICS, Metric, Scores
from tutelage.pipeline.score_rows import FITTED, Row, as_form, read_rows
from tutelage.rundir import check_replaceable, replacing
from tutelage.statistics import Measurement, bootstrap, value_interval

FIRST = b'{"row":0,'
"""How a file of items begins."""


def score(
    path: str | Path,
    metrics: Sequence[str],
    *,
    form: AnswerForm | None = None,
    own_constraints: Sequence[str | Path] = (),
    items_out: str | Path | None = None,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, Any]:
    """Score the predictions in a file.

    Args:
        path: JSON Lines, also as gzip or zstd.
        metrics: names of metrics, at least one.
        form: that all answers must have, for the metrics that measure it.
        own_constraints: Python files with kinds of verifiable instructions; they are run as code.
        items_out: where to write each row's own values, as JSON Lines.
        confidence: level of the intervals.
        resamples: bootstrap resamples behind the intervals.
        seed: of the resamples.

    Returns:
        `{"n": rows, "metrics": {name: {"value", "signature", "interval": [low, high]}}}`, with
        `details` where a metric has more to say, such as the F1 of each class. Beside the value of
        `ifeval` stand its four figures by name, and their `intervals`. `notes` are there where
        something makes the figures less than they seem.

    Raises:
        UserError: an unknown metric, a form that is not given, a row that cannot be scored, or
            `items_out` is a file of something else.
    """
    if not metrics:
        raise UserError("no metric is named", fix=f"name one of {', '.join(METRICS.names())}")
    chosen = [METRICS.get(name) for name in dict.fromkeys(metrics)]
    for file in own_constraints:
        load_kinds(Path(file))
    forms = form_references(form or AnswerForm())
    for metric in chosen:
        if metric.answers == "form" and metric.name not in forms:
            raise needs_form(metric.name)
    if items_out is not None:
        check_replaceable(Path(items_out), _holds_items(Path(items_out)), "--items")
    rows = list(read_rows(Path(path)))
    scores = [(metric, _score(metric, rows, forms)) for metric in chosen]
    results = _measured(scores, confidence, resamples, seed)
    if items_out is not None:
        _write_items(Path(items_out), scores)
    found: dict[str, Any] = {"n": len(rows), "metrics": results}
    of_texts = [metric.name for metric in chosen if metric.answers == "text"]
    notes = silence_note(of_texts, [row.values["references"] for row in rows] if of_texts else [])
    return {**found, "notes": notes} if notes else found


def _score(metric: Metric, rows: Sequence[Row], forms: Mapping[str, str]) -> Scores:
    if metric.answers == "form":
        fitted = [as_form(row, forms[metric.name]) for row in rows]
    else:
        fitted = [FITTED[metric.answers](row, metric) for row in rows]
    return metric.score([answer for answer, _ in fitted], [accepted for _, accepted in fitted])


def _measured(
    scores: Sequence[tuple[Metric, Scores]], confidence: float, resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Every metric's value with its interval, and what it brings along, on the same resamples."""
    measurements = [
        Measurement(statistics, metric.aggregate, bounds=(0, metric.scale))
        for metric, found in scores
        for statistics in (found.statistics, *found.further.values())
    ]
    draws = bootstrap(measurements, resamples=resamples, seed=seed)
    intervals = [
        list(value_interval(measurement, column, confidence))
        for measurement, column in zip(measurements, draws.T, strict=True)
    ]
    measured = iter(zip(measurements, intervals, strict=True))
    results: dict[str, dict[str, Any]] = {}
    for metric, found in scores:
        measurement, interval = next(measured)
        result = {"value": measurement.value, "signature": found.signature, "interval": interval}
        beside = {name: next(measured) for name in found.further}
        result |= {name: each.value for name, (each, _) in beside.items()}
        if beside:
            result["intervals"] = {name: each for name, (_, each) in beside.items()}
        if found.details:
            result["details"] = found.details
        results[metric.name] = result
    return results


def _holds_items(path: Path) -> bool:
    """Whether a file is one of `_write_items`: its first line begins with the row's number."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(FIRST)) in {FIRST, b""}


def _write_items(path: Path, scores: Sequence[tuple[Metric, Scores]]) -> None:
    """One object a row: its number, its own value of each metric, and the verdicts behind them."""
    columns: dict[str, Sequence[Any]] = {}
    for metric, found in scores:
        columns |= {metric.name: found.per_item.tolist(), **found.verdicts}
    with replacing(path) as temporary, temporary.open("wb") as stream:
        for number, values in enumerate(zip(*columns.values(), strict=True)):
            row = {"row": number, **dict(zip(columns, values, strict=True))}
            stream.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
