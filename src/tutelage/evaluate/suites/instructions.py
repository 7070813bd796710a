"""Verifiable instructions of our own: prompts on everyday subjects for all kinds we can judge.

Shipped, so that every report tells of instruction following. IFEval's prompts know 25 kinds; these
have those and the others of `constraints/` (tables, order, exact counts, citations, schemas …),
each at least once, some two or three in a prompt. Answers are meant to be short: a small model on a
CPU spends its time on following, not on length. A test holds an answer of ours to every prompt
against its instructions, so that each can be met as it stands. `data` of the recipe may name a file
of one's own in the same form.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Suite
from tutelage.evaluate.verifiable import figures, read_questions

SHIPPED = Path(__file__).parent / "data" / "instructions.jsonl"

LONGEST = 256
"""Tokens of an answer; all of ours have fewer than 100."""


class Instructions(Suite):
    """Written answers, judged by rules."""

    area = "instruction following"
    title = "verifiable instructions of all kinds, shipped"
    needs = "nothing: shipped"
    default = True

    def questions(self, given: Given) -> list[Question]:
        """One a row of the shipped file, or of one's own of that form."""
        path = given.path("") if given.options.data else SHIPPED
        return read_questions(path, LONGEST)

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """Prompts and instructions followed, strictly and loosely; strictly for every kind."""
        return figures(questions, replies)


SUITES.register("instructions")(Instructions())
