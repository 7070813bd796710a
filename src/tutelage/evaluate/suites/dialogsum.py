"""DialogSum's test dialogues, each with three summaries by people (Chen et al. 2021).

ROUGE-L against the best of the three, which is what `rougeL` does with several references;
ROUGE-1 and ROUGE-2 beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tutelage.data.options import SourceOptions
from tutelage.evaluate.answered import asked, measured, readings, source_of
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Suite

INSTRUCTION = "Summarize the dialogue in one to three sentences."
COLUMNS: dict[str, str | list[str]] = {
    "input": "dialogue",
    "references": ["summary1", "summary2", "summary3"],
}
METRICS = ("rougeL", "rouge1", "rouge2")
LONGEST = 96


class DialogSum(Suite):
    """Summaries of dialogues."""

    area = "tasks"
    title = "summaries of dialogues: DialogSum, three references"
    data = "dialogsum/dialogsum.test.jsonl"

    def questions(self, given: Given) -> list[Question]:
        """One a dialogue."""
        published = SourceOptions(
            path=self.data, format="columns", columns=COLUMNS, instruction=INSTRUCTION
        )
        source = source_of(given, self.data, published)
        found = asked(given, readings([source], given.seed))
        return [replace(question, max_new_tokens=LONGEST) for question in found]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """ROUGE."""
        return measured(replace(given, metrics=METRICS), questions, replies)


SUITES.register("dialogsum")(DialogSum())
