"""Suites of questions with known answers, read from files as training data is read.

A user's own data is one of them (`suites/dataset.py`), and so are public sets whose files need no
more than to be read. An answer is written and scored by metrics, or, where choices are given, the
likeliest of them is taken. Solved questions may stand before each one; these are not asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tutelage.data.example import Example, Message
from tutelage.data.fates import Reason
from tutelage.data.options import SourceOptions
from tutelage.data.reading import Reading, Unread, stream
from tutelage.errors import UserError
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.own_items import REFERENCES, scores_of
from tutelage.evaluate.question import Question, Reply, by_task
from tutelage.evaluate.suite import Given, NotAsked
from tutelage.metrics import METRICS


def readings(
    sources: Sequence[SourceOptions], seed: int | None = None, *, answered: bool = False
) -> list[Reading]:
    """The rows of files, in order.

    Args:
        sources: the files.
        seed: of what a source's `limit` draws; None takes every row.
        answered: leave out rows that lack a part, such as the answer; published sets have some.

    Raises:
        UserError: a row or a file cannot be read: a score over the rest is another one.
    """
    found = []
    for one in stream(sources, Path(), seed):
        if isinstance(one, Unread):
            if isinstance(one.defect, UserError):
                raise one.defect
            if answered and one.defect.reason is Reason.EMPTY_FIELD:
                continue
            raise UserError(
                f"not a question: {one.defect}",
                where=f"{one.source.file} row {one.source.row}",
                fix="repair the row, or take it out",
            )
        found.append(one)
    return found


def source_of(given: Given, below: str, default: SourceOptions | None = None) -> SourceOptions:
    """How a suite's file is read: as the recipe's `data` says, or as it is published.

    Args:
        given: with the suite's options.
        below: where it lies below the folder of public sets.
        default: how the published file is read, but for its path.

    Raises:
        NotAsked: it is not there.
    """
    path = str(given.path(below))
    if given.options.data:
        return given.options.data[0]
    return (default or SourceOptions(path=path)).model_copy(update={"path": path})


def asked(given: Given, rows: Sequence[Reading], cluster: str | None = None) -> list[Question]:
    """A question of every row but those that are shown solved.

    Args:
        given: choices, solved questions and lengths as the suite's options say.
        rows: with an answer or references each.
        cluster: the column whose equal values mark a source.

    Raises:
        UserError: a row has no answer, an answer is none of the choices, or all would be shown.
    """
    options = given.options
    shown = _shown(given, rows)
    before = [turn for row in shown for turn in row.example.messages]
    several_tasks = len({row.example.task for row in rows}) > 1
    questions = []
    for number, row in enumerate(rows):
        if row in shown:
            continue
        example = row.example
        where = f"{example.source.file} row {example.source.row}"
        if not example.accepted:
            raise UserError("the question has no answer", where=where, fix="give a response")
        target: dict[str, object] = {REFERENCES: list(example.accepted)}
        if options.choices:
            target["choice"] = _choice(options.choices, example, where)
        questions.append(
            Question(
                key=str(number),
                turns=(*_system(example), *before, *_without_system(example.prompt)),
                choices=tuple(options.choices or ()),
                task=example.task if several_tasks else "",
                cluster="" if cluster is None else _source(row, cluster, where),
                target=target,
            )
        )
    return questions


def measured(
    given: Given, questions: Sequence[Question], replies: Sequence[Reply]
) -> list[Measure]:
    """The metrics of written answers, or the share of right choices; of every task, too."""
    if questions[0].choices:
        return choice_measures(questions, replies)
    found = []
    groups = {"": range(len(questions)), **_parts(questions)}
    for task, places in groups.items():
        for position, name in enumerate(given.metrics):
            metric = METRICS.get(name, where="evaluate.suites")
            scores = scores_of(
                metric,
                given.options.extract,
                [questions[at] for at in places],
                [replies[at] for at in places],
            )
            primary = position == 0 and not task
            found.append(Measure.of(metric, scores, items=places, primary=primary, task=task))
    return found


def choice_measures(questions: Sequence[Question], replies: Sequence[Reply]) -> list[Measure]:
    """The share of questions whose likeliest choice is right, as a whole and by its tokens' mean.

    The second, which does not prefer short answers, is lm-evaluation-harness's `acc_norm` but for
    the unit of length, which is tokens here and bytes there.
    """
    found = []
    for task, places in {"": range(len(questions)), **_parts(questions)}.items():
        for name, per_token in (("accuracy", False), ("accuracy_per_token", True)):
            right = [
                replies[at].likeliest(per_token=per_token) == questions[at].target["choice"]
                for at in places
            ]
            signature = f"likeliest choice{' by mean of tokens' if per_token else ''}"
            primary = not per_token and not task
            found.append(
                Measure.mean(
                    name, right, items=places, signature=signature, primary=primary, task=task
                )
            )
    return found


def check_metrics(given: Given) -> None:
    """See that the metrics are of texts with references.

    Raises:
        NotAsked: one is of something else.
    """
    for name in given.metrics:
        if METRICS.get(name, where="evaluate.suites").answers not in ("text", "tags"):
            raise NotAsked(f"scores answers by references; {name} does not")


def _source(row: Reading, column: str, where: str) -> str:
    value = row.values.get(column)
    if value is None:
        known = ", ".join(row.values)
        raise UserError(
            f"the row has no '{column}', which is to say what belongs together; it has {known}",
            where=where,
            fix="name another column in `cluster`, or leave it out",
        )
    return f"{column} {value}"


def _parts(questions: Sequence[Question]) -> dict[str, list[int]]:
    return {task: places for task, places in by_task(questions).items() if task}


def _shown(given: Given, rows: Sequence[Reading]) -> list[Reading]:
    """The rows that stand solved before each question, drawn by a hash."""
    count = given.options.few_shot
    if not count:
        return []
    solved = [row for row in rows if row.example.response is not None]
    if len(solved) < count or len(rows) <= count:
        raise UserError(
            f"few_shot is {count}, and there are {len(rows)} rows, {len(solved)} of them solved",
            where=f"evaluate.suites, {given.options.called}",
            fix="show fewer, or add rows",
        )

    # By what the row says: where its file lies must not decide what is asked.
    def rank(row: Reading) -> bytes:
        said = (row.example.source.row, row.example.messages)
        return hashlib.sha256(f"{given.seed}\0{said!r}".encode()).digest()

    return sorted(solved, key=rank)[:count]


def _choice(choices: Sequence[str], example: Example, where: str) -> int:
    plain = [choice.strip().casefold() for choice in choices]
    for reference in example.accepted:
        if reference.strip().casefold() in plain:
            return plain.index(reference.strip().casefold())
    raise UserError(
        f"the answer '{example.accepted[0]}' is none of the choices",
        where=where,
        fix=f"expected one of {', '.join(choices)}",
    )


def _system(example: Example) -> tuple[Message, ...]:
    return tuple(turn for turn in example.messages[:1] if turn.role == "system")


def _without_system(turns: Sequence[Message]) -> tuple[Message, ...]:
    return tuple(turn for turn in turns if turn.role != "system")
