"""XQuAD's English questions: answers that stand in a passage (Artetxe et al. 2020).

The passage and the question are asked as they are read, with one sentence that asks for the words
of the passage. Scored by SQuAD's own rules: `token_f1`, which is primary, and `exact_match`.
Questions about one passage are one source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tutelage.data.example import Message
from tutelage.evaluate.answered import asked, measured, readings, source_of
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Suite

DEMAND = "Answer with the words of the passage alone, in no more than a few words."
METRICS = ("token_f1", "exact_match")
LONGEST = 32


class Xquad(Suite):
    """Questions on passages."""

    area = "tasks"
    title = "answers that stand in a passage: XQuAD, English"
    data = "xquad/xquad.en.json"

    def questions(self, given: Given) -> list[Question]:
        """One a question; those about a passage belong together."""
        rows = readings([source_of(given, self.data)], given.seed)
        return [_demanding(question) for question in asked(given, rows, "context")]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """F1 of words, and exact match."""
        return measured(replace(given, metrics=METRICS), questions, replies)


def _demanding(question: Question) -> Question:
    turns = [
        Message("user", f"{turn.content}\n\n{DEMAND}") if turn.role == "user" else turn
        for turn in question.turns
    ]
    return replace(question, turns=tuple(turns), max_new_tokens=LONGEST)


SUITES.register("xquad")(Xquad())
