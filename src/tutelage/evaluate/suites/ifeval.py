"""IFEval: 541 prompts with 834 instructions whose fulfilment a program can decide.

Zhou et al. 2023 (arXiv:2311.07911). Prompts are asked as published, in one user turn. A verdict
goes by the strict share of prompts; where our rules differ from the published code, which is in its
three nondeterministic places, docs/constraints.md says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Suite
from tutelage.evaluate.verifiable import figures, read_questions


class IfEval(Suite):
    """Written answers, judged by rules."""

    area = "instruction following"
    title = "verifiable instructions: IFEval's 541 prompts"
    data = "ifeval/input_data.jsonl"
    default = True

    def questions(self, given: Given) -> list[Question]:
        """One a row of the published file, or of one's own of that form."""
        return read_questions(given.path(self.data))

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """Prompts and instructions followed, strictly and loosely; strictly for every kind."""
        return figures(questions, replies)


SUITES.register("ifeval")(IfEval())
