"""SST-2's development sentences: praise or blame (Socher et al. 2013).

The task is GLUE's (Wang et al. 2019, arXiv:1804.07461), which publishes no labels of its test set,
so that values are reported of the development set there as here. Both labels are one word of much
the same length: the choice is by whole likelihood alone. The labels are weighed in a chat, without
examples; values are not those of models with a classifier on top.
"""

from __future__ import annotations

from collections.abc import Sequence

from tutelage.errors import UserError
from tutelage.evaluate.labels import label_measures, label_question
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Suite
from tutelage.evaluate.text_lines import text_lines

LABELS = ("negative", "positive")
INSTRUCTION = "Say which sentiment this sentence from a film review has."
FIX = "expected a sentence, a tab, and 0 (negative) or 1 (positive) in every line"


class Sst2(Suite):
    """Sentiment by the likelihood of its name."""

    area = "tasks"
    title = "sentiment of sentences: SST-2's development set, two labels"
    data = "sst2/dev.tsv"

    def questions(self, given: Given) -> list[Question]:
        """One a line."""
        return [
            _question(str(number), line, where)
            for number, (line, where) in enumerate(text_lines(given.path(self.data), FIX))
        ]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """Accuracy and macro F1."""
        return label_measures(questions, replies, one_length=True)


def _question(key: str, line: str, where: str) -> Question:
    sentence, _, label = line.rpartition("\t")
    if not sentence or label not in ("0", "1"):
        raise UserError("not a sentence with its label", where=where, fix=FIX)
    return label_question(key, INSTRUCTION, sentence, LABELS, LABELS[int(label)])


SUITES.register("sst2")(Sst2())
