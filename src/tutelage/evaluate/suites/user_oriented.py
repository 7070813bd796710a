"""Self-Instruct's user-oriented instructions: what people ask of applications (Wang et al. 2023).

252 instructions that the paper's authors wrote for some 70 applications (arXiv:2212.10560), each
with an answer of theirs. The paper has people grade the answers; here ROUGE-L against the one
answer tells whether tuning brought a model nearer to it, and no more: a good answer in other words
scores low. For grades by a judge name the same file in `data` of `rubric`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tutelage.data.options import SourceOptions
from tutelage.evaluate.answered import asked, measured, readings, source_of
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Suite

METRICS = ("rougeL",)


class UserOriented(Suite):
    """Instructions unlike those of public training sets."""

    area = "generalisation"
    title = "instructions for applications of all kinds: Self-Instruct's user-oriented ones"
    data = "self_instruct/user_oriented_instructions.jsonl"

    def questions(self, given: Given) -> list[Question]:
        """One an instance."""
        published = SourceOptions(path=self.data, format="self_instruct")
        rows = readings([source_of(given, self.data, published)], given.seed, answered=True)
        return [replace(question, task="") for question in asked(given, rows)]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """ROUGE-L."""
        return measured(replace(given, metrics=METRICS), questions, replies)


SUITES.register("user_oriented")(UserOriented())
