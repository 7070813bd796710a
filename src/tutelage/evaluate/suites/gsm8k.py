"""GSM8K: grade-school problems whose answer is a number (Cobbe et al. 2021, arXiv:2110.14168).

Asked without examples by default (`few_shot` shows solved problems, reasoning and all), with a
sentence that asks for the number behind `####`, as the published solutions have it. Two figures,
by lm-evaluation-harness's two rules: `accuracy` takes the number behind the first `####` alone (a
model may run on into a problem of its own), `accuracy_flexible` the last number of the answer
wherever it stands. Numbers are compared as numbers (1,000 is 1000.0), where that harness compares
their texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.answered import asked, readings, source_of
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.own_items import REFERENCES
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Suite

DEMAND = "Reason step by step. End with a line of #### and the answer as a number."
LONGEST = 320
NUMBER = r"-?\$?\d[\d,]*(?:\.\d+)?"
MARKED = re.compile(rf"####\s*({NUMBER})")
ANY = re.compile(NUMBER)


class Gsm8k(Suite):
    """Problems in words."""

    area = "tasks"
    title = "grade-school problems: GSM8K, the number behind ####"
    data = "gsm8k/test.jsonl"

    def questions(self, given: Given) -> list[Question]:
        """One a row of the test file."""
        source = source_of(given, self.data)
        return [
            _demanding(question, f"{source.path} row {question.key}")
            for question in asked(given, readings([source], given.seed))
        ]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """The share of right numbers, strictly and loosely."""
        wanted = [number(MARKED, question.target[REFERENCES][0]) for question in questions]
        strict, loose = (
            [
                number(pattern, reply.answer) == right
                for reply, right in zip(replies, wanted, strict=True)
            ]
            for pattern in (MARKED, ANY)
        )
        return [
            Measure.mean(
                "accuracy", strict, signature="the number behind the first ####", primary=True
            ),
            Measure.mean("accuracy_flexible", loose, signature="the last number"),
        ]


def number(pattern: re.Pattern[str], text: str) -> float | None:
    """The number of an answer: behind the first mark, or the last of any."""
    found = pattern.findall(text)
    if not found:
        return None
    return float(found[0 if pattern is MARKED else -1].replace(",", "").replace("$", ""))


def _demanding(question: Question, where: str) -> Question:
    if number(MARKED, question.target[REFERENCES][0]) is None:
        raise UserError(
            "the solution has no number behind ####", where=where, fix="give GSM8K's own file"
        )
    turns = [
        Message("user", f"{turn.content}\n\n{DEMAND}") if turn.role == "user" else turn
        for turn in question.turns
    ]
    return replace(question, turns=tuple(turns), max_new_tokens=LONGEST)


SUITES.register("gsm8k")(Gsm8k())
