"""Banking77: what a customer of a bank wants, of 77 intents (Casanueva et al. 2020).

arXiv:2003.04807; the published test set of 3,080, 40 an intent. All 77 labels are named in the
prompt and weighed, about 77 times the answers of other suites over one shared prefix. Labels are
the published names in words: without underscores, in lower case, without a stray question mark.
They differ in tokens, so the choice by the mean of tokens stands beside that by whole likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence

from tutelage.errors import UserError
from tutelage.evaluate.labels import label_measures, label_question
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Suite
from tutelage.evaluate.tables import table

INSTRUCTION = "Say which intent this message to a bank's support has."
FIX = "expected a header text,category and both in every row"


class Banking77(Suite):
    """Intent by the likelihood of its name."""

    area = "tasks"
    title = "what a bank's customer wants: Banking77's test set, 77 labels"
    data = "banking77/test.csv"

    def questions(self, given: Given) -> list[Question]:
        """One a row; the labels are those of the file, in alphabetical order."""
        path = given.path(self.data)
        rows = []
        for number, row in enumerate(table(path, FIX)):
            message, category = row.get("text"), row.get("category")
            if not message or not category:
                raise UserError(
                    "not a message with its intent", where=f"{path} row {number}", fix=FIX
                )
            rows.append((message.strip(), in_words(category)))
        labels = sorted({label for _, label in rows})
        return [
            label_question(str(number), INSTRUCTION, message, labels, label)
            for number, (message, label) in enumerate(rows)
        ]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """Accuracy by whole likelihood and by the mean of tokens, and macro F1 of the former."""
        return label_measures(questions, replies)


def in_words(category: str) -> str:
    """A category's name as words."""
    return category.replace("_", " ").rstrip("?").casefold()


SUITES.register("banking77")(Banking77())
