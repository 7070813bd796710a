"""The test items of an earlier run: is what an earlier tuning taught still there?

A model that is tuned again forgets first what it was tuned on before. An earlier run has test items
of those very skills, and a way to score them; both are taken from its folder, so that the figures
are the ones that its own report shows, of this model.

    evaluate:
      suites:
        - {suite: earlier, data: runs/first}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tutelage.evaluate.measure import Measure
from tutelage.evaluate.own_items import own_questions, scored
from tutelage.evaluate.question import Question, Reply, by_task
from tutelage.evaluate.suite import SUITES, Given, NotAsked, Suite


class Earlier(Suite):
    """Written answers to another run's items, scored as that run scores them."""

    area = "forgetting"
    title = "earlier skills: the test items of an earlier run"
    needs = "the folder of an earlier run in `data`"

    def questions(self, given: Given) -> list[Question]:
        """One for each item that the earlier run was evaluated on."""
        if given.earlier is None or not given.options.data:
            raise NotAsked("asks what an earlier run was asked: name its folder in `data`")
        own = given.earlier(given.path(""))
        return own_questions(
            replace(
                given,
                examples=own.examples,
                metrics=own.metrics,
                tasks=own.tasks,
                max_new_tokens=own.max_new_tokens,
            )
        )

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """The primary metrics of the earlier run's tasks, together and one by one."""
        scores = scored(questions, replies)
        parts = by_task(questions)
        found = [scores.together(range(len(questions)), primary=True)]
        if len(parts) > 1:
            found += [scores.together(places, task=task) for task, places in parts.items()]
        return found


SUITES.register("earlier")(Earlier())
