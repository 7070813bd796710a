"""Suites of programs: pass@k of written answers, judged by their tests in the sandbox.

Chen et al. 2021 (arXiv:2107.03374): one greedy answer gives pass@1; `samples` more are drawn at
0.8, the temperature that the paper found best for large k, and give the unbiased pass@k for all k
up to their number (pass@1 then is that of sampling, lower than greedy as a rule).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tutelage.data.example import Message
from tutelage.data.rows import BadRow
from tutelage.data.sources.json_rows import json_records
from tutelage.data.sources.records import File
from tutelage.errors import UserError
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import Given, NotAsked
from tutelage.metrics import METRICS, Scores
from tutelage.metrics.code import CodeTask, as_references
from tutelage.metrics.metric import mean_of_sums
from tutelage.sandbox import Sandbox

LONGEST = 384
TEMPERATURE = 0.8
PRIMARY = "pass_at_1"


def check_sandbox() -> None:
    """See that programs can be run here.

    Raises:
        NotAsked: this machine cannot isolate them.
    """
    try:
        with Sandbox():
            pass
    except UserError as error:
        raise NotAsked(f"programs cannot be run here: {error.what}") from None


def program_rows(path: Path, fix: str) -> list[tuple[Mapping[str, Any], str]]:
    """The rows of a JSON Lines file, perhaps compressed, each with its place.

    Args:
        path: the file.
        fix: what it should be, for messages.

    Raises:
        UserError: a row is no object, or the file has none.
    """
    rows = []
    for found in json_records(File(str(path), path)):
        where = f"{path} row {found.number}"
        if isinstance(found.values, BadRow):
            raise UserError(f"not a task: {found.values}", where=where, fix=fix)
        rows.append((found.values, where))
    return rows


def program_question(given: Given, key: str, prompt: str, task: CodeTask) -> Question:
    """A task of programming.

    Args:
        given: with the number of samples.
        key: of the question.
        prompt: what is asked.
        task: the tests of the answer.
    """
    samples = given.options.samples
    lists = {"names": list(task.names), "modules": list(task.modules)}
    return Question(
        key,
        (Message("user", prompt),),
        max_new_tokens=LONGEST,
        samples=samples,
        temperature=TEMPERATURE if samples > 1 else 0.0,
        target=asdict(task) | lists,
    )


def program_measures(questions: Sequence[Question], replies: Sequence[Reply]) -> list[Measure]:
    """pass@1, which is primary, and pass@k for the larger k that there are samples for.

    Raises:
        UserError: this machine cannot isolate programs.
    """
    scores = METRICS.get("pass_at_k").score(
        [reply.answer for reply in replies],
        [
            as_references(_task(question.target), reply.answers[1:])
            for question, reply in zip(questions, replies, strict=True)
        ],
    )
    return [
        Measure(
            metric=name,
            items=range(len(questions)),
            scores=Scores(
                mean_of_sums(statistics),
                statistics,
                scores.signature.replace("|k:1|", f"|k:{name.removeprefix('pass_at_')}|"),
                scores.details if name == PRIMARY else {},
            ),
            primary=name == PRIMARY,
        )
        for name, statistics in scores.further.items()
    ]


def _task(target: Mapping[str, Any]) -> CodeTask:
    return CodeTask(
        target["prompt"], target["tests"], tuple(target["names"]), tuple(target["modules"])
    )
