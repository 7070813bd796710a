"""How a judge grades each model's answers by the criteria of a rubric.

Single answers are graded, each by itself (Zheng et al. 2023, arXiv:2306.05685, call it single
answer grading): following, correctness, clarity and safety from 1 to 5, the scale and the fences
that audits have (`judge/rubric.py`); theirs is one grade from 1 to 10. `graded` is the mean of the
four. The prompts are the run's own test prompts or those of a file (`data`); nothing is compared
with their answers. Where the judge says nothing readable of one of the two answers, both count as
the middle of the scale, so that no model gains by it; `judged` tells how often it did.

A grade is that judge's opinion: `people` measures it against people's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tutelage.evaluate.answered import readings
from tutelage.evaluate.gradings import SCALE, Grades, agreement_on_grades, grades, read_graded
from tutelage.evaluate.judged import graded, judge_of, prompt_questions, with_verdict
from tutelage.evaluate.suite import (
    SUITES,
    Given,
    Judged,
    Measure,
    Question,
    Reply,
    Suite,
    by_task,
)
from tutelage.judge import CRITERIA


class RubricSuite(Suite):
    """Written answers of two models, each graded by a third."""

    area = "instruction following"
    title = "how a judge grades answers by following, correctness, clarity and safety"
    needs = "a run or `data`, two models and evaluate.judge"

    def questions(self, given: Given) -> list[Question]:
        """The prompts of the suite's `data`, or the run's test prompts, as they are."""
        judge_of(given)
        if given.options.people is not None:
            read_graded(Path(given.options.people))
        rows = given.options.data
        examples = [row.example for row in readings(rows, given.seed)] if rows else given.examples
        return prompt_questions(given, examples)

    def judged(
        self,
        given: Given,
        questions: Sequence[Question],
        base: Sequence[Reply],
        tuned: Sequence[Reply],
    ) -> Judged:
        """The replies with the judge's grades."""
        judge, options = judge_of(given), given.options
        one, other = ([reply.answer for reply in side] for side in (base, tuned))
        found = grades(judge, [asked.turns for asked in questions], one, other, options.rubric)
        about = judge.about()
        if options.people is not None:
            about["people"] = agreement_on_grades(judge, Path(options.people), options.rubric)
        return Judged(
            [with_verdict(reply, first) for reply, (first, _) in zip(base, found, strict=True)],
            [with_verdict(reply, second) for reply, (_, second) in zip(tuned, found, strict=True)],
            about,
        )

    def blank(self, question: Question) -> Reply:
        """An answer that nothing better can be said of than the worst."""
        return with_verdict(Reply.blank(question), Grades(1.0, *[float(SCALE[0])] * len(CRITERIA)))

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """The mean of the criteria, each of them, how many are judged, and the mean by task."""
        found = [Grades(*reply.verdicts) for reply in replies]
        tasks = by_task(questions)
        return [
            graded("graded", [one.mean for one in found], range(len(found)), primary=True),
            *(
                graded(name, [one.of(name) for one in found], range(len(found)))
                for name in CRITERIA
            ),
            Measure.mean(
                "judged",
                [one.judged for one in found],
                signature="items both of whose answers have a judgement",
            ),
            *(
                graded("graded", [found[at].mean for at in places], places, task=task)
                for task, places in tasks.items()
                if len(tasks) > 1
            ),
        ]


SUITES.register("rubric")(RubricSuite())
