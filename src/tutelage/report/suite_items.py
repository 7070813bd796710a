"""Items of a suite side by side: what stands behind its figures, for those who doubt them.

A figure of a suite is believed once a few of its items have been read. Which ones is settled by a
rule, not by hand: those whose score changed most, then those that were answered differently, then
the rest in the order they were asked in. Where likelihoods were asked for and nothing was written,
the likeliest choices stand for the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from tutelage.errors import UserError
from tutelage.evaluate.own_items import EXTRACT, METRIC, REFERENCES
from tutelage.report.answers import SHOWN_ANSWER, read_table
from tutelage.report.text import Piece, compare_words, excerpt

SIDES = ("base", "tuned")
"""Folders of two models' replies; one that stands alone has `model`."""

SHOWN_ITEMS = 12
"""Items of a suite that the page holds; all of them are in its Parquet files."""

SHOWN_CHOICES = 5
"""Choices shown of a question that has more: 77 labels would bury the likeliest."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one model made of a question.

    Attributes:
        answers: it wrote; only the first is shown.
        weighed: (natural logarithm of the probability, tokens, text), the likeliest first.
        finish: why decoding of the first answer ended; empty if nothing was written.
        score: by the suite's primary measure; None if the item has none.
        suffix: that a search found for this model, and put behind the question; mostly none.
    """

    answers: tuple[str, ...]
    weighed: tuple[tuple[float, int, str], ...]
    finish: str
    score: float | None
    suffix: str

    @property
    def first(self) -> str:
        """The first answer, cut if it is very long."""
        return excerpt(self.answers[0], SHOWN_ANSWER) if self.answers else ""

    def pieces(self, other: Said | None) -> list[Piece]:
        """The first answer divided by whether the other model, if there is one, says the same."""
        if other is None:
            return [Piece(self.first, shared=False)]
        return compare_words(self.first, other.first)


@dataclass(frozen=True, slots=True)
class SuiteItem:
    """One question as the models met it.

    Attributes:
        key: its name within the suite.
        task: the part of the suite it belongs to; may be empty.
        asked: the conversation as readable text; empty where plain texts are weighed.
        expected: what a reply is compared with, as text; empty if there is no such thing.
        metric: the primary measure, whose scores are told; empty if it has none by item.
        base: what the base model said; None where one model stands alone.
        tuned: what the tuned model said, or the one that stands alone.
    """

    key: str
    task: str
    asked: str
    expected: str
    metric: str
    base: Said | None
    tuned: Said


def read_suite_items(
    folder: Path, primary: Mapping[str, str], sides: Sequence[str] = SIDES
) -> dict[str, list[SuiteItem]]:
    """The items worth reading of every suite whose replies lie beside its figures.

    Args:
        folder: `suites/` of a run or an evaluation, with `SIDE/SUITE.parquet`.
        primary: by suite that was asked its first primary measure; empty where it has none.
        sides: `base` and `tuned`, or `model` alone.

    Returns:
        At most `SHOWN_ITEMS` by suite.

    Raises:
        UserError: a file is damaged, or both are not of the same questions.
    """
    found = {}
    for name, metric in primary.items():
        paths = [folder / side / f"{name}.parquet" for side in sides]
        if all(path.exists() for path in paths):
            found[name] = _items(paths, metric)
    return found


def _items(paths: Sequence[Path], metric: str) -> list[SuiteItem]:
    tables = [read_table(path) for path in paths]
    try:
        before, after = (tables[at].sort("key") for at in (0, -1))
        if not before["key"].equals(after["key"]):
            raise UserError(
                "base and tuned replies are not to the same questions",
                where=" and ".join(map(str, paths)),
                fix="ask the suite again: `tutelage eval RUN --suite NAME`",
            )
        column = f"score:{metric}"
        by = column if column in before.columns and column in after.columns else ""
        order = _most_changed_first(tables[0]["key"], before, after, by)
        alone = len(tables) == 1
        return [
            _item(None if alone else before.row(at, named=True), after.row(at, named=True), by)
            for at in order
        ]
    except (pl.exceptions.PolarsError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"no replies of a suite: {error}", where=str(paths[0]), fix="ask the suite again"
        ) from error


def _most_changed_first(
    asked: pl.Series, before: pl.DataFrame, after: pl.DataFrame, column: str
) -> list[int]:
    """Rows by the rule of this module, the first `SHOWN_ITEMS`."""
    turns = {key: at for at, key in enumerate(asked)}
    rows = []
    for at, key in enumerate(before["key"]):
        old, new = (before[column][at], after[column][at]) if column else (None, None)
        change = 0.0 if old is None or new is None else abs(new - old)
        same = before["answers"][at].equals(after["answers"][at])
        rows.append((-change, same, turns[key], at))
    return [at for *_, at in sorted(rows)[:SHOWN_ITEMS]]


def _item(before: Mapping[str, Any] | None, after: Mapping[str, Any], column: str) -> SuiteItem:
    question = orjson.loads(after["question"])
    choices = question["choices"] or question["texts"]
    return SuiteItem(
        key=after["key"],
        task=after["task"],
        asked=_conversation(question["turns"]),
        expected=_expected(question["target"]),
        metric=column.removeprefix("score:"),
        base=None if before is None else _said(before, choices, column, question.get("then", [])),
        tuned=_said(after, choices, column, question.get("then", [])),
    )


def _said(row: Mapping[str, Any], choices: Iterable[str], column: str, then: Sequence[str]) -> Said:
    weighed = zip(row["likelihoods"], row["lengths"], choices, strict=False)
    return Said(
        answers=(_dialogue(row["answers"], then),) if then else tuple(row["answers"]),
        weighed=tuple(sorted(weighed, key=lambda one: -one[0])[:SHOWN_CHOICES]),
        finish=row["finish_reasons"][0] if row["finish_reasons"] else "",
        score=row[column] if column else None,
        suffix=row.get("suffix") or "",  # what is older has none
    )


def _conversation(turns: list[dict[str, Any]]) -> str:
    """The turns as text; who speaks is told where it is not one user alone."""
    if len(turns) == 1:
        return str(turns[0]["content"])
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)


def _dialogue(answers: Sequence[str], then: Sequence[str]) -> str:
    """A model's answers, and what the user said between them."""
    first, *later = answers
    turns = [
        f"user: {said}\n\nassistant: {answer}" for said, answer in zip(then, later, strict=False)
    ]
    return "\n\n".join([first, *turns])


def _expected(target: Any) -> str:
    """A suite's target in words: texts as they are, anything else as JSON."""
    if isinstance(target, dict) and REFERENCES in target:
        target = {name: value for name, value in target.items() if name not in (METRIC, EXTRACT)}
        target = target[REFERENCES] if len(target) == 1 else target
    if target is None or isinstance(target, str):
        return target or ""
    if isinstance(target, list) and all(isinstance(one, str) for one in target):
        return "\n".join(target)
    return orjson.dumps(target).decode()
