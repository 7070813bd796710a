"""MMLU's development questions: knowledge of 57 subjects, for what tuning made a model forget.

Hendrycks et al. 2021 (arXiv:2009.03300). Each question is shown with its four answers, and the
letters A to D are weighed; the likeliest is the choice. The published test set is larger: these
are its worked examples, five a subject, so that values are not those of leaderboards.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Suite

LETTERS = ("A", "B", "C", "D")
FIX = "expected question, four answers, and the right one as its letter or 0-based number"


class Mmlu(Suite):
    """Multiple choice by the likelihood of the letter."""

    area = "forgetting"
    title = "knowledge: MMLU's development questions, four choices"
    data = "mmlu_dev"
    default = True

    def questions(self, given: Given) -> list[Question]:
        """One a line of every `*.csv` in the folder, with or without a header."""
        return [
            _question(f"{path.stem}-{number}", row, f"{path} row {number}")
            for path in sorted(given.path(self.data).glob("**/*.csv"))
            for number, row in enumerate(_rows(path))
        ]

    def right_choice(self, question: Question) -> int:
        """See `Suite`."""
        return LETTERS.index(question.target)

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """The share of right letters."""
        right = [
            LETTERS[reply.likeliest(per_token=False)] == question.target
            for question, reply in zip(questions, replies, strict=True)
        ]
        return [Measure.mean("accuracy", right, signature="likeliest letter", primary=True)]


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    return rows[1:] if rows and rows[0][:1] == ["question"] else rows


def _question(key: str, row: Sequence[str], where: str) -> Question:
    """A question, whose answer the published files give as a letter and others as a number."""
    right = row[-1] if row else ""
    right = LETTERS[int(right)] if right in ("0", "1", "2", "3") else right
    if len(row) != len(LETTERS) + 2 or right not in LETTERS:
        raise UserError(f"not a question: found {len(row)} fields", where=where, fix=FIX)
    answers = "\n".join(
        f"{letter}. {text}" for letter, text in zip(LETTERS, row[1:-1], strict=True)
    )
    text = f"{row[0].strip()}\n{answers}\nAnswer with the letter of the right answer."
    return Question(key, (Message("user", text),), choices=LETTERS, target=right)


SUITES.register("mmlu")(Mmlu())
