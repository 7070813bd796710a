"""`tutelage score`: predictions and references in a file, scored with intervals.

Rows are JSON Lines, `{"prediction": …, "references": [ … ]}`; what else a row holds is left alone.
A row that cannot be scored stops the job with its place and its fix: a score over the rows that
happened to be readable is not the score that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tutelage.data.rows import shown
from tutelage.data.sources.records import File
from tutelage.data.sources.streams import lines, opened, text
from tutelage.errors import UserError
from tutelage.metrics import METRICS, Metric, Scores
from tutelage.metrics.entities import check_tags
from tutelage.rundir import replacing
from tutelage.statistics import Measurement, bootstrap, percentile_interval

EXPECTED = '{"prediction": "…", "references": ["…"]}'


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file, its fields not yet fitted to a metric.

    Attributes:
        place: file, 0-based row and 1-based line, for messages.
        prediction: the answer.
        references: what it is compared with; not empty.
    """

    place: str
    prediction: Any
    references: list[Any]

    def wrong(self, field: str, found: str, expected: str, fix: str) -> UserError:
        """The error for a field that cannot be scored."""
        return UserError(
            f"field '{field}': found {found}, expected {expected}", where=self.place, fix=fix
        )


def score(
    path: str | Path,
    metrics: Sequence[str],
    *,
    items_out: str | Path | None = None,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, Any]:
    """Score the predictions in a file.

    Args:
        path: JSON Lines, also as gzip or zstd.
        metrics: names of metrics, at least one.
        items_out: where to write each row's own values, as JSON Lines.
        confidence: level of the intervals.
        resamples: bootstrap resamples behind the intervals.
        seed: of the resamples.

    Returns:
        `{"n": rows, "metrics": {name: {"value", "signature", "interval": [low, high]}}}`, with
        `details` where a metric has more to say, such as the F1 of each class.

    Raises:
        UserError: an unknown metric, or a row that cannot be scored.
    """
    if not metrics:
        raise UserError("no metric is named", fix=f"name one of {', '.join(METRICS.names())}")
    chosen = [METRICS.get(name) for name in dict.fromkeys(metrics)]
    rows = list(read_rows(Path(path)))
    scores = [_score(metric, rows) for metric in chosen]
    measurements = [
        Measurement(found.statistics, metric.aggregate)
        for metric, found in zip(chosen, scores, strict=True)
    ]
    draws = bootstrap(measurements, resamples=resamples, seed=seed)
    results: dict[str, dict[str, Any]] = {}
    for column, (metric, found) in enumerate(zip(chosen, scores, strict=True)):
        results[metric.name] = {
            "value": measurements[column].value,
            "signature": found.signature,
            "interval": list(percentile_interval(draws[:, column], confidence)),
            **({"details": found.details} if found.details else {}),
        }
    if items_out is not None:
        _write_items(Path(items_out), chosen, scores)
    return {"n": len(rows), "metrics": results}


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file; blank lines are passed over and not counted.

    Raises:
        UserError: the file or one of its rows is not what is expected.
    """
    number = 0
    with opened(File(str(path), path)) as stream:
        for line in lines(stream):
            content = text(line, str(path)).strip()
            if content:
                yield _read_row(content, f"{path} row {number} (line {line.number})")
                number += 1
    if not number:
        raise UserError(
            "the file holds no rows", where=str(path), fix=f"expected one object a line: {EXPECTED}"
        )


def _read_row(content: str, place: str) -> Row:
    fix = f"write one JSON object a line: {EXPECTED}"
    try:
        values = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UserError(f"not JSON: {error}", where=place, fix=fix) from None
    if not isinstance(values, dict):
        raise UserError(f"found {shown(values)}, expected an object", where=place, fix=fix)
    for field in ("prediction", "references"):
        if values.get(field) is None:
            found = "null" if field in values else f"only {', '.join(map(repr, values)) or 'none'}"
            raise UserError(
                f"field '{field}' is missing: found {found}",
                where=place,
                fix=f"expected {EXPECTED}",
            )
    row = Row(place, values["prediction"], values["references"])
    if not isinstance(row.references, list):
        fix = "put a single reference into a list of one"
        raise row.wrong("references", shown(row.references), "a list", fix)
    if not row.references:
        fix = "give at least one reference, or leave the row out"
        raise row.wrong("references", "an empty list", "at least one reference", fix)
    return row


def _score(metric: Metric, rows: Sequence[Row]) -> Scores:
    fitted = [_as_tags(row) if metric.answers == "tags" else _as_text(row, metric) for row in rows]
    return metric.score([answer for answer, _ in fitted], [accepted for _, accepted in fitted])


def _as_text(row: Row, metric: Metric) -> tuple[str, list[str]]:
    """Prediction and references for a metric that compares texts."""
    fix = f"'{metric.name}' compares texts; lists are of IOB2 tags, for entity_f1"
    for field, value in _fields(row.references, row.prediction):
        if not isinstance(value, str):
            raise row.wrong(field, shown(value), "text", fix)
    return row.prediction, row.references


def _as_tags(row: Row) -> tuple[str, list[str]]:
    """Prediction and references as IOB2 tags with spaces between.

    A prediction that is a list is aligned with its tokens, so every reference must have as many
    tags; one that is text is a model's answer, which the metric takes as it comes. Beside a list,
    references may be the one list of tags itself.
    """
    listed = isinstance(row.prediction, list)
    references = row.references
    if listed and all(isinstance(tag, str) for tag in references):
        references = [references]
    for field, value in _fields(references, row.prediction):
        _check_tags(row, field, value, answer=field == "prediction")
        if listed and len(value) != len(row.prediction):
            raise row.wrong(
                field,
                f"{len(value)} tags",
                f"{len(row.prediction)}, as many as the prediction has",
                "give one tag for each token, in prediction and references alike",
            )
    return _joined(row.prediction), [_joined(reference) for reference in references]


def _check_tags(row: Row, field: str, value: Any, *, answer: bool) -> None:
    """Refuse what is not IOB2, except in a model's answer that is text."""
    if not isinstance(value, str | list):
        raise row.wrong(
            field, shown(value), "a list of IOB2 tags", 'such as ["B-PER", "I-PER", "O"]'
        )
    if isinstance(value, str) and answer:
        return
    for tag in value if isinstance(value, list) else ():
        if not isinstance(tag, str):
            raise row.wrong(field, shown(tag), "only tags as text", 'such as ["B-PER", "O"]')
    problem = check_tags(value.split() if isinstance(value, str) else value)
    if problem:
        fix = "convert the tags to IOB2"
        raise UserError(f"field '{field}': {problem}", where=row.place, fix=fix)


def _joined(tags: str | list[str]) -> str:
    return tags if isinstance(tags, str) else " ".join(tags)


def _fields(references: Sequence[Any], prediction: Any) -> Iterator[tuple[str, Any]]:
    """The values of a row with the names that messages give them."""
    yield "prediction", prediction
    for number, reference in enumerate(references):
        yield f"references[{number}]", reference


def _write_items(path: Path, metrics: Sequence[Metric], scores: Sequence[Scores]) -> None:
    """One object a row: its number, and its own value of each metric."""
    if path.is_dir():
        raise UserError("is a folder", where=str(path), fix="name a file for --items")
    columns = [found.per_item.tolist() for found in scores]
    names = [metric.name for metric in metrics]
    with replacing(path) as temporary, temporary.open("wb") as stream:
        for number, values in enumerate(zip(*columns, strict=True)):
            row = {"row": number, **dict(zip(names, values, strict=True))}
            stream.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
