"""What suites came to, on disk: every question with its replies, and every figure.

    suites/<side>/<suite>.parquet   a row a question: what was asked, said and scored
    suites/results.json             the figures, and how each suite was used

The Parquet files hold all that measuring takes, so that any two evaluations can be compared later
without a model (`tutelage compare`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.infer.options import SuffixSearch
from tutelage.rundir import replacing

SUITES_FOLDER = "suites"
KEPT = "replies.jsonl"

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "key": pl.String,
    "task": pl.String,
    "source": pl.String,
    "question": pl.String,
    "answers": pl.List(pl.String),
    "finish_reasons": pl.List(pl.String),
    "likelihoods": pl.List(pl.Float64),
    "lengths": pl.List(pl.Int64),
    "prompt_tokens": pl.Int64,
    "tokens": pl.Int64,
    "prompt_ids": pl.List(pl.Int64),
    "token_ids": pl.List(pl.List(pl.Int64)),
    "log_probabilities": pl.List(pl.Float64),
    "verdicts": pl.List(pl.Float64),
    "suffix": pl.String,
    "losses": pl.List(pl.Float64),
}


def write_replies(
    path: Path,
    questions: Sequence[Question],
    replies: Sequence[Reply],
    measures: Sequence[Measure],
) -> None:
    """One row a question, with a column for every measure of the whole suite."""
    rows = [
        {
            "key": question.key,
            "task": question.task,
            "source": question.source,
            "question": orjson.dumps(asdict(question), option=orjson.OPT_SORT_KEYS).decode(),
            **asdict(reply),
        }
        for question, reply in zip(questions, replies, strict=True)
    ]
    table = pl.DataFrame(rows, schema=_SCHEMA)
    for measure in measures:
        if not measure.task:
            values = np.full(len(questions), np.nan)
            values[np.asarray(measure.items, dtype=np.int64)] = measure.scores.per_item
            column = pl.Series(f"score:{measure.metric}", values, nan_to_null=True)
            table = table.with_columns(column)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        table.write_parquet(temporary)


def read_replies(path: Path) -> tuple[list[Question], list[Reply]]:
    """What `write_replies` wrote.

    Raises:
        UserError: the file is not one of its kind.
    """
    try:
        table = pl.read_parquet(path)
        questions = [_question(orjson.loads(text)) for text in table["question"]]
        replies = [Reply.of_row(row) for row in table.iter_rows(named=True)]
    except (OSError, pl.exceptions.PolarsError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"no replies of a suite: {error}", where=str(path), fix="ask the suite again"
        ) from None
    return questions, replies


def _question(plain: Mapping[str, Any]) -> Question:
    turns = tuple(
        Message(turn["role"], turn["content"], tuple(turn["tool_calls"]), turn["name"])
        for turn in plain["turns"]
    )
    return Question(
        **{
            **plain,
            "turns": turns,
            "then": tuple(plain.get("then", ())),
            "choices": tuple(plain["choices"]),
            "texts": tuple(plain["texts"]),
            "search": SuffixSearch(**plain["search"]) if plain.get("search") else None,
        }
    )
