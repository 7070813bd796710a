"""MBPP: small programs from a sentence and three tests (Austin et al. 2021, arXiv:2108.07732).

The test split of the published file, tasks 11 to 510; the rest are the paper's prompt, validation
and training tasks. As in the paper the tests are shown, since they alone name the function; unlike
there, no solved tasks are, and the wording is ours, for a conversation.
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
from tutelage.metrics.code import mbpp_task

DEMAND = "Answer with the program in one Python code block. It has to pass these tests:"
TEST_SPLIT = range(11, 511)
FIX = (
    "expected one object a line with a number task_id, the texts text and test_setup_code, and "
    "a list of assertions test_list"
)


class Mbpp(Suite):
    """Programs, by their tests."""

    area = "tasks"
    title = "small programs, judged by tests: MBPP's test split"
    data = "mbpp/mbpp.jsonl"

    def questions(self, given: Given) -> list[Question]:
        """One a row of the test split."""
        path = given.path(self.data)
        check_sandbox()
        found = [_question(given, row, where) for row, where in program_rows(path, FIX)]
        asked = [question for question in found if int(question.key) in TEST_SPLIT]
        if not asked:
            raise UserError(
                "no task of the test split", where=str(path), fix="give tasks 11 to 510"
            )
        return asked

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """pass@1, and pass@k where there are more samples."""
        return program_measures(questions, replies)


def _question(given: Given, row: Mapping[str, Any], where: str) -> Question:
    number, text, tests = row.get("task_id"), row.get("text"), row.get("test_list")
    setup = row.get("test_setup_code", "")
    if not (
        isinstance(number, int)
        and isinstance(text, str)
        and isinstance(setup, str)
        and isinstance(tests, list)
        and all(isinstance(test, str) for test in tests)
    ):
        raise UserError("not a task of MBPP", where=where, fix=FIX)
    try:
        task = mbpp_task(tests, setup)
    except UserError as error:
        raise UserError(error.what, where=where, fix=error.fix or FIX) from None
    shown = "\n".join(tests)
    return program_question(
        given, str(number), f"{text.strip()}\n\n{DEMAND}\n\n```python\n{shown}\n```", task
    )


SUITES.register("mbpp")(Mbpp())
