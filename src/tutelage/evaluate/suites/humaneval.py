"""HumanEval: functions to complete from their docstring (Chen et al. 2021, arXiv:2107.03374).

The paper lets a model continue the source. A tuned model converses, so here the source stands in a
code block under one sentence that asks for the whole function; an answer without a block is taken
as a continuation (`metrics/code.py`). Values are not those of the plain prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.errors import UserError
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.programs import (
    check_sandbox,
    program_measures,
    program_question,
    program_rows,
)
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Suite
from tutelage.metrics.code import humaneval_task

DEMAND = "Complete this function. Answer with the whole function in one Python code block."
FIELDS = ("prompt", "test", "entry_point")
FIX = f"expected one object a line with the texts {', '.join(FIELDS)}"


class HumanEval(Suite):
    """Functions, by their tests."""

    area = "tasks"
    title = "functions to complete, judged by tests: HumanEval"
    data = "humaneval/HumanEval.jsonl.gz"

    def questions(self, given: Given) -> list[Question]:
        """One a row."""
        path = given.path(self.data)
        check_sandbox()
        return [_question(given, row, where) for row, where in program_rows(path, FIX)]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """pass@1, and pass@k where there are more samples."""
        return program_measures(questions, replies)


def _question(given: Given, row: Mapping[str, Any], where: str) -> Question:
    missing = [name for name in FIELDS if not isinstance(row.get(name), str)]
    if missing:
        raise UserError(f"not a task: no text in '{missing[0]}'", where=where, fix=FIX)
    prompt, test, entry_point = (row[name] for name in FIELDS)
    try:
        task = humaneval_task(prompt, test, entry_point)
    except UserError as error:
        raise UserError(error.what, where=where, fix=error.fix or FIX) from None
    text = f"{DEMAND}\n\n```python\n{prompt.rstrip()}\n```"
    return program_question(given, str(row.get("task_id", where)), text, task)


SUITES.register("humaneval")(HumanEval())
