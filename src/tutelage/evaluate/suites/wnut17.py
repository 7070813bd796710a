"""WNUT-17's development sentences: entities that are new and rare (Derczynski et al. 2017).

Asked as the sentences are read for training: the prompt names the entity types and gives the
tokens, the answer is a tag for each. `entity_f1` takes what can be read of an answer;
`entity_f1_strict` gives nothing for one that has another number of tags (see the metrics page). The
paper's second measure, of distinct surface forms, is not computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tutelage.data.options import SourceOptions
from tutelage.evaluate.answered import asked, measured, readings, source_of
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Suite

METRICS = ("entity_f1", "entity_f1_strict")
LONGEST = 320
"""Of 1,009 sentences the longest has 105 tags; most are `O`, a token each."""


class Wnut17(Suite):
    """Tags of sentences."""

    area = "tasks"
    title = "new and rare entities in noisy text: WNUT-17's development set"
    data = "wnut17/emerging.dev.conll"

    def questions(self, given: Given) -> list[Question]:
        """One a sentence."""
        published = SourceOptions(path=self.data, format="conll")
        rows = readings([source_of(given, self.data, published)], given.seed)
        return [replace(question, max_new_tokens=LONGEST) for question in asked(given, rows)]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """F1 of entities."""
        return measured(replace(given, metrics=METRICS), questions, replies)


SUITES.register("wnut17")(Wnut17())
