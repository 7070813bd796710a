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
from tutelage.evaluate.gradings import (
    SCALE,
    Grades,
    Said,
    agreement_on_grades,
    grades,
    read_graded,
)
from tutelage.evaluate.judged import graded, judge_of, prompt_questions, with_verdict
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply, by_task
from tutelage.evaluate.suite import SUITES, Given, Judged, Suite
from tutelage.judge import CRITERIA


class RubricSuite(Suite):
    """Written answers of two models, each graded by a third with what stands before it."""

    area = "instruction following"
    title = "how a judge grades answers by following, correctness, clarity and safety"
    needs = "a run or `data`, two models and evaluate.judge"

    def questions(self, given: Given) -> list[Question]:
        """The prompts of the suite's `data`, or the run's test prompts, as they are."""
        check_judge(given)
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
        """The replies with the judge's grades of every turn, one after another."""
        judge, options = judge_of(given), given.options
        one, other = (
            [
                said
                for question, reply in zip(questions, side, strict=True)
                for said in _said(question, reply)
            ]
            for side in (base, tuned)
        )
        found = grades(judge, one, other, options.rubric)
        about = judge.about()
        if options.people is not None:
            about["people"] = agreement_on_grades(judge, Path(options.people), options.rubric)
        return Judged(
            _with_grades(base, [first for first, _ in found]),
            _with_grades(tuned, [second for _, second in found]),
            about,
        )

    def blank(self, question: Question) -> Reply:
        """Answers that nothing better can be said of than the worst."""
        worst = Grades(1.0, *[float(SCALE[0])] * len(CRITERIA))
        return with_verdict(Reply.blank(question), [*worst] * (1 + len(question.then)))

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """The mean of the criteria over all turns, each criterion, each turn, and each task.

        Between them stands how many turns are judged.
        """
        found = [_grades_of(reply) for reply in replies]
        everything = range(len(found))
        means = [_mean([one.mean for one in turns]) for turns in found]
        most = max(map(len, found), default=0)
        tasks = by_task(questions)
        return [
            graded("graded", means, everything, primary=True),
            *(
                graded(
                    name, [_mean([one.of(name) for one in turns]) for turns in found], everything
                )
                for name in CRITERIA
            ),
            *(
                graded(f"turn_{turn + 1}", [turns[turn].mean for turns in found], everything)
                for turn in range(most)
                if most > 1 and all(len(turns) > turn for turns in found)
            ),
            Measure.mean(
                "judged",
                [_mean([one.judged for one in turns]) for turns in found],
                signature="share of an item's answers both of whose sides have a judgement",
            ),
            *(
                graded("graded", [means[at] for at in places], places, task=task)
                for task, places in tasks.items()
                if len(tasks) > 1
            ),
        ]


def check_judge(given: Given) -> None:
    """See that there is a judge, and that what people graded can be read.

    Raises:
        NotAsked: nobody judges.
        UserError: the file of people's grades is not what it must be.
    """
    judge_of(given)
    if given.options.people is not None:
        read_graded(Path(given.options.people))


def _said(question: Question, reply: Reply) -> list[Said]:
    """Every answer with what stands before it."""
    return [
        (question.followed(reply.answers[:turn]), answer)
        for turn, answer in enumerate(reply.answers)
    ]


def _with_grades(replies: Sequence[Reply], found: Sequence[Grades]) -> list[Reply]:
    """Replies with the grades of their answers, which stand one after another."""
    rest = iter(found)
    return [
        with_verdict(reply, [number for _ in reply.answers for number in next(rest)])
        for reply in replies
    ]


def _grades_of(reply: Reply) -> list[Grades]:
    """By turn."""
    width = len(Grades._fields)
    return [Grades(*reply.verdicts[at : at + width]) for at in range(0, len(reply.verdicts), width)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


SUITES.register("rubric")(RubricSuite())
