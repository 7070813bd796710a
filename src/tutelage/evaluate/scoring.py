"""Score answers item by item, task by task.

A task has metrics of its own or the common ones, the first of them primary. Corpus-level metrics
need the answers of a task together, and the overall value of such a metric is not a mean of the
tasks', so items are scored in groups: each task, and all tasks on either side of the hold-out for
the metrics that they share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tutelage.constraints import holds
from tutelage.constraints.own import load_kinds
from tutelage.errors import UserError, unknown_name
from tutelage.evaluate.forms import form_references, needs_form
from tutelage.evaluate.gates import HELD_OUT, OVERALL
from tutelage.evaluate.options import EvaluateOptions, TaskEvaluation
from tutelage.metrics import METRICS, Metric, Scores
from tutelage.metrics.entities import check_tags
from tutelage.metrics.instruction_following import demand


class Group(NamedTuple):
    """Items that are scored together: a task, or `OVERALL` for all on that side."""

    task: str
    held_out: bool


@dataclass(frozen=True, slots=True)
class Item:
    """What one answer is scored against.

    Attributes:
        task: the task it belongs to.
        held_out: whether the task was kept from training.
        references: acceptable answers.
        demands: its verifiable instructions, as `instruction_following.as_references` has them.
    """

    task: str
    held_out: bool
    references: tuple[str, ...]
    demands: tuple[str, ...] = ()

    @property
    def group(self) -> Group:
        """The group of its task."""
        return Group(self.task, self.held_out)


@dataclass(frozen=True, slots=True)
class AnswerScores:
    """Scores of one model's answers.

    Attributes:
        groups: for each group its metrics, the primary one first, with their scores.
        per_item: for each metric, the score of every item in order; None where the item's task
            does not use the metric.
    """

    groups: dict[Group, dict[str, Scores]]
    per_item: dict[str, list[float | None]]


def metrics_of(options: EvaluateOptions, task: str) -> list[str]:
    """Names of a task's metrics, the primary one first."""
    return options.tasks.get(task, TaskEvaluation()).metrics or options.metrics


def preflight(options: EvaluateOptions, tasks: Iterable[str]) -> None:
    """Find the mistakes in the settings that would otherwise show only once answers are there.

    Args:
        options: the settings.
        tasks: names of all tasks in the data.

    Raises:
        UserError: an unknown task, with the nearest names; a form that is measured but not given,
            or given but not measured; or as `check_metrics`.
    """
    check_metrics(options)
    known = set(tasks)
    for name, rows in ((OVERALL, "over all tasks"), (HELD_OUT, "over all held-out tasks")):
        if name in known:
            raise UserError(
                f"a task is called '{name}', which is the name of the rows {rows}",
                fix="give the task another name",
            )
    for task in options.tasks:
        if task not in known:
            raise unknown_name("task", task, known, where="evaluate.tasks")
    for task in known:
        _check_forms(options, task)


def check_metrics(options: EvaluateOptions) -> None:
    """Find the mistakes in the settings that show without any data.

    Raises:
        UserError: an unknown metric, or one that runs answers; a file of own kinds of constraints
            that cannot be used.
    """
    for path in options.own_constraints:
        load_kinds(Path(path))
    lists = {"evaluate.metrics": options.metrics}
    for task, evaluation in options.tasks.items():
        lists[f"evaluate.tasks.{task}.metrics"] = evaluation.metrics or []
    for place, names in lists.items():
        for name in names:
            if METRICS.get(name, where=place).answers in {"tests", "queries"}:
                raise UserError(
                    f"'{name}' runs answers, for which an example has no tests or database",
                    where=place,
                    fix=f"write the answers to a file with them: tutelage score --metric {name}",
                )


def _check_forms(options: EvaluateOptions, task: str) -> None:
    """See that what a task's metrics measure of its answers' form is given, and the reverse."""
    key = f"evaluate.tasks.{task}"
    evaluation = options.tasks.get(task, TaskEvaluation())
    given = form_references(evaluation.format, where=f"{key}.format")
    measured = {name for name in metrics_of(options, task) if METRICS.get(name).answers == "form"}
    for name in sorted(measured - given.keys()):
        raise needs_form(name, where=f"{key}.format")
    for name in sorted(given.keys() - measured):
        fix = f"add {name} to the task's metrics"
        raise UserError("no metric measures this form", where=f"{key}.format.{name}", fix=fix)


def check_references(options: EvaluateOptions, items: Sequence[Item]) -> None:
    """Find items that no answer could be scored against.

    Raises:
        UserError: an item without a reference, with tags that are not IOB2 where its task's
            metric compares tags, or without verifiable instructions (or with some that cannot be
            checked) where its metric judges by them.
    """
    for number, item in enumerate(items):
        where = f"item {number} of task '{item.task}'"
        compared = {METRICS.get(name).answers for name in metrics_of(options, item.task)}
        if "constraints" in compared:
            _check_demands(item, where)
        if not item.references and not compared.isdisjoint({"text", "tags"}):
            raise UserError(
                "the item has no reference to score answers against",
                where=where,
                fix="give the row a response or references, or leave it out of the evaluation",
            )
        if "tags" in compared:
            for reference in item.references:
                if problem := check_tags(reference.split()):
                    fix = "the task's metric compares IOB2 tags with spaces between"
                    raise UserError(f"the reference is not IOB2: {problem}", where=where, fix=fix)


def _check_demands(item: Item, where: str) -> None:
    """Try an item's instructions on a short answer: what they lack is to show before the models
    are asked."""
    if not item.demands:
        raise UserError(
            "the item has no verifiable instructions to judge answers by",
            where=where,
            fix="give the row `instruction_id_list` and `kwargs` as IFEval has them, or give the "
            "task other metrics",
        )
    for text in item.demands:
        try:
            wanted = demand(text)
            holds(wanted.constraint, "A short answer.", wanted.prompt)
        except UserError as error:
            fix = error.fix or "see docs/constraints.md for every kind and its options"
            raise UserError(error.what, where=where, fix=fix) from None


def score_answers(
    items: Sequence[Item], answers: Sequence[str], options: EvaluateOptions
) -> AnswerScores:
    """Score one model's answers.

    Args:
        items: what was asked, in order.
        answers: what the model said, one for each item.
        options: metrics and extraction by task.
    """
    found = [
        extracted(_of_task(options, item).extract, answer, item.references)
        for item, answer in zip(items, answers, strict=True)
    ]
    forms = {task: form_references(evaluation.format) for task, evaluation in options.tasks.items()}

    def compared(metric: Metric, index: int) -> tuple[str, Sequence[str]]:
        """An answer and what this metric compares it with."""
        if metric.answers == "constraints":
            return answers[index], items[index].demands
        if metric.answers == "form":
            return answers[index], [forms[items[index].task][metric.name]]
        return found[index]

    groups: dict[Group, dict[str, Scores]] = {}
    per_item: dict[str, list[float | None]] = {}
    for group, (names, members) in grouped(items, options).items():
        groups[group] = {}
        for metric in map(METRICS.get, names):
            pairs = [compared(metric, index) for index in members]
            predictions = [answer for answer, _ in pairs]
            groups[group][metric.name] = metric.score(predictions, [wanted for _, wanted in pairs])
        if group.task == OVERALL:
            continue
        for name, scores in groups[group].items():
            column = per_item.setdefault(name, [None] * len(items))
            for index, value in zip(members, scores.per_item.tolist(), strict=True):
                column[index] = value
    return AnswerScores(groups, per_item)


def grouped(
    items: Sequence[Item], options: EvaluateOptions
) -> dict[Group, tuple[list[str], list[int]]]:
    """The metrics and the item numbers of every group.

    The overall group of a side has the metrics that all of its tasks share, and is left out where
    there are none, or only one task.
    """
    members: dict[Group, list[int]] = {}
    for index, item in enumerate(items):
        members.setdefault(item.group, []).append(index)
    groups = {group: (metrics_of(options, group.task), found) for group, found in members.items()}
    for held_out in (False, True):
        side = [
            names_and_items
            for group, names_and_items in groups.items()
            if group.held_out is held_out
        ]
        if len(side) > 1:
            shared = [name for name in side[0][0] if all(name in names for names, _ in side)]
            everything = sorted(index for _, found in side for index in found)
            if shared:
                groups[Group(OVERALL, held_out)] = (shared, everything)
    return groups


def extract(pattern: re.Pattern[str], text: str) -> str | None:
    """The last match in a text, its first group if the pattern has one; None without a match."""
    matches = list(pattern.finditer(text))
    if not matches:
        return None
    return matches[-1][1] or "" if pattern.groups else matches[-1][0]


def extracted(
    expression: str | None, answer: str, references: Sequence[str]
) -> tuple[str, list[str]]:
    """Answer and references as they are compared.

    An answer without a match is empty. A reference without one is taken whole: it is then the bare
    answer already, and as empty it would make every answer without a match right.

    Args:
        expression: finds the answer; None compares everything.
        answer: what a model said.
        references: what it is compared with.
    """
    if expression is None:
        return answer, list(references)
    pattern = re.compile(expression)
    found = [extract(pattern, reference) for reference in references]
    wanted = [
        whole if part is None else part for whole, part in zip(references, found, strict=True)
    ]
    return extract(pattern, answer) or "", wanted


def _of_task(options: EvaluateOptions, item: Item) -> TaskEvaluation:
    return options.tasks.get(item.task, TaskEvaluation())
