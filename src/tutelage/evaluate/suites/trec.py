"""TREC's questions by what their answer is: six classes (Li and Roth 2002; Hovy et al. 2001).

The published test set of 500, its six coarse classes; the fine ones behind the colon are not asked.
Abbreviated class names are spelled out in the words of Li and Roth. These differ in tokens, so the
choice by the mean of tokens stands beside that by whole likelihood. Classes are of very different
size (9 questions ask for abbreviations), which macro F1 shows and accuracy does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from tutelage.errors import UserError
from tutelage.evaluate.labels import label_measures, label_question
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Suite
from tutelage.evaluate.text_lines import text_lines

LABELS = {
    "ABBR": "abbreviation",
    "DESC": "description",
    "ENTY": "entity",
    "HUM": "human",
    "LOC": "location",
    "NUM": "number",
}
INSTRUCTION = "Say what kind of thing the answer to this question is."
FIX = f"expected CLASS:fine, a space, and the question; CLASS is one of {', '.join(LABELS)}"


class Trec(Suite):
    """Class of the answer by the likelihood of its name."""

    area = "tasks"
    title = "kinds of questions: TREC's test set, six labels"
    data = "trec/test.txt"

    def questions(self, given: Given) -> list[Question]:
        """One a line."""
        return [
            _question(str(number), line, where)
            for number, (line, where) in enumerate(text_lines(given.path(self.data), FIX))
        ]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """Accuracy by whole likelihood and by the mean of tokens, and macro F1 of the former."""
        return label_measures(questions, replies)


def _question(key: str, line: str, where: str) -> Question:
    label, _, asked = line.partition(" ")
    coarse = label.partition(":")[0]
    if coarse not in LABELS or not asked.strip():
        raise UserError(f"not a question with its class: '{label}'", where=where, fix=FIX)
    return label_question(key, INSTRUCTION, asked.strip(), tuple(LABELS.values()), LABELS[coarse])


SUITES.register("trec")(Trec())
