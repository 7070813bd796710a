"""Prompts with verifiable instructions: read from IFEval's rows, and what replies are worth.

A row is one JSON object with `prompt`, `instruction_id_list` and `kwargs` (an object of options for
each id), and perhaps a `key`. The four figures are those of the metric `ifeval` (Zhou et al. 2023,
arXiv:2311.07911): by prompt and by instruction, strict and loose. Instructions of one prompt are
not independent, so prompts are what is resampled, and a figure by instruction is a ratio of sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from tutelage.constraints import constraint, holds
from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import NotAsked
from tutelage.evaluate.text_lines import text_lines
from tutelage.metrics import METRICS, Metric, Scores
from tutelage.metrics.instruction_following import as_references, demand
from tutelage.metrics.metric import Floats, mean_of_sums

LONGEST = 1024
"""Tokens of an answer: of IFEval's prompts a tenth ask for 400 words and more. The paper sets no
limit that it names, so a lower one costs a verbose model some of them."""

PRIMARY = "prompt_strict"

FIX = (
    'expected one object a line: {"prompt": "…", "instruction_id_list": ["…"], "kwargs": [{…}]}, '
    "with an object of options for each instruction"
)


def read_questions(path: Path, max_new_tokens: int = LONGEST) -> list[Question]:
    """A question for every row of a file.

    Args:
        path: a JSONL file, perhaps compressed.
        max_new_tokens: longest answer.

    Raises:
        NotAsked: a package that judges one of the instructions is not installed.
        UserError: a row is not of this form, or an instruction of it cannot be judged.
    """
    return [
        _question(content, where, str(number), max_new_tokens)
        for number, (content, where) in enumerate(text_lines(path, FIX))
    ]


def figures(questions: Sequence[Question], replies: Sequence[Reply]) -> list[Measure]:
    """The four figures of the whole, then the strict one by instruction of every kind.

    Args:
        questions: with the instructions as their targets, as `demands_of` reads them.
        replies: to these.
    """
    metric = METRICS.get("ifeval")
    wanted = [list(question.target) for question in questions]
    scores = metric.score([reply.answer for reply in replies], wanted)
    rules = {name: name.replace("_", "|") for name in scores.further}
    return [
        _figure(metric, name, scores.further[name], _signature(scores, rules[name]))
        for name in scores.further
    ] + _by_kind(wanted, scores)


def _signature(scores: Scores, rule: str) -> str:
    """The metric's own, which is that of the strict figure by prompt, for another figure."""
    return scores.signature.replace("prompt|strict", rule)


def _figure(metric: Metric, name: str, statistics: Floats, signature: str) -> Measure:
    scores = Scores(mean_of_sums(statistics), statistics, signature)
    return Measure(
        metric=name, items=range(len(statistics)), scores=scores, primary=name == PRIMARY
    )


def _by_kind(wanted: Sequence[Sequence[str]], scores: Scores) -> list[Measure]:
    """How many instructions of each kind were followed, strictly."""
    found: dict[str, dict[int, list[bool]]] = {}
    for at, (references, verdicts) in enumerate(
        zip(wanted, scores.verdicts["instruction_strict"], strict=True)
    ):
        for reference, followed in zip(references, verdicts, strict=True):
            found.setdefault(demand(reference).kind, {}).setdefault(at, []).append(followed)
    measures = []
    for kind in sorted(found):
        statistics = np.array([(sum(own), len(own)) for own in found[kind].values()], dtype=float)
        measures.append(
            Measure(
                metric="instruction_strict",
                items=list(found[kind]),
                scores=Scores(
                    mean_of_sums(statistics), statistics, _signature(scores, "instruction|strict")
                ),
                task=kind,
            )
        )
    return measures


def _question(content: str, where: str, number: str, max_new_tokens: int) -> Question:
    prompt, instructions, key = _fields(content, where)
    for wanted in instructions:
        _try(wanted, prompt, where)
    return Question(
        key=number if key is None else str(key),
        turns=(Message("user", prompt),),
        max_new_tokens=max_new_tokens,
        target=list(as_references(instructions, prompt)),
    )


def _fields(content: str, where: str) -> tuple[str, list[dict[str, Any]], Any]:
    """The prompt, its instructions with the options that are given, and the key if there is one."""
    try:
        row = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UserError(f"not JSON: {error}", where=where, fix=FIX) from None
    row = row if isinstance(row, dict) else {}
    prompt, names, options = (row.get(n) for n in ("prompt", "instruction_id_list", "kwargs"))
    if not isinstance(prompt, str) or not prompt.strip():
        raise UserError(f"field 'prompt': found {prompt!r}, expected text", where=where, fix=FIX)
    if not isinstance(names, list) or not isinstance(options, list) or len(names) != len(options):
        raise UserError(
            "fields 'instruction_id_list' and 'kwargs': expected two lists of one length",
            where=where,
            fix=FIX,
        )
    if not names or not all(isinstance(given, dict | None) for given in options):
        raise UserError("field 'kwargs': expected an object for each id", where=where, fix=FIX)
    instructions = [
        {"id": name, "kwargs": {k: v for k, v in (given or {}).items() if v is not None}}
        for name, given in zip(names, options, strict=True)
    ]
    return prompt, instructions, row.get("key")


def _try(wanted: dict[str, Any], prompt: str, where: str) -> None:
    """Judge a short answer: what an instruction lacks is to show before a model is asked."""
    judged = constraint(wanted["id"], wanted["kwargs"], where)
    try:
        holds(judged, "A short answer.", prompt)
    except UserError as error:
        raise NotAsked(f"{wanted['id']} cannot be judged: {error.what}") from None
