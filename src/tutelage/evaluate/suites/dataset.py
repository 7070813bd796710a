"""Questions of one's own: any data with answers becomes a suite in five lines of a recipe.

    evaluate:
      suites:
        - name: capitals
          data: capitals.jsonl
          metrics: [exact_match]

Rows are read in every format that training data is read in. See the evaluation page.
"""

from __future__ import annotations

from collections.abc import Sequence

from tutelage.evaluate.answered import asked, check_metrics, measured, readings
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.own_items import REFERENCES
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.silence import silence_note
from tutelage.evaluate.suite import SUITES, Given, Suite
from tutelage.evaluate.suite_options import DATASET


class Dataset(Suite):
    """Written answers by metrics, or choices by likelihood."""

    area = "tasks"
    title = "questions of your own, in any format that is read"
    needs = "files of your own: evaluate.suites[].data"

    def questions(self, given: Given) -> list[Question]:
        """One a row, but for those shown solved."""
        check_metrics(given)
        return asked(given, readings(given.options.data, given.seed), given.options.cluster)

    def notes(self, given: Given, questions: Sequence[Question]) -> list[str]:
        """Whether a model that says nothing would be right."""
        if questions[0].choices:
            return []
        references = [question.target[REFERENCES] for question in questions]
        return silence_note(given.metrics, references, given.options.extract)

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """The suite's metrics, the first primary."""
        return measured(given, questions, replies)


SUITES.register(DATASET)(Dataset())
