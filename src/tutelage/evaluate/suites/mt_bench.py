"""MT-bench's conversations of two turns, each answer graded by a judge (Zheng et al. 2023).

80 conversations of eight kinds (arXiv:2306.05685). The second question is asked after the model's
own answer to the first, and its answer is graded with what stands before it. The paper has one
grade from 1 to 10 by GPT-4, and shows the judge a solution of mathematics and code; here the rubric
is that of `rubric`, four criteria from 1 to 5, by the judge of the recipe, without solutions:
figures are not those of leaderboards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.gradings import SCALE, Grades, Said, paired_grades
from tutelage.evaluate.judged import graded, judge_of, with_verdict
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
from tutelage.evaluate.text_lines import text_lines
from tutelage.judge import CRITERIA

LONGEST = 512
FIX = 'expected one object a line: {"question_id": 81, "category": "writing", "turns": ["…", "…"]}'


class MtBench(Suite):
    """Answers of two models to conversations, each graded by a third."""

    area = "instruction following"
    title = "conversations of two turns, graded by a judge: MT-bench"
    data = "mt_bench/question.jsonl"
    needs = "two models and evaluate.judge"

    def questions(self, given: Given) -> list[Question]:
        """One a conversation, each category a part."""
        judge_of(given)
        return [_question(line, where) for line, where in text_lines(given.path(self.data), FIX)]

    def judged(
        self,
        given: Given,
        questions: Sequence[Question],
        base: Sequence[Reply],
        tuned: Sequence[Reply],
    ) -> Judged:
        """The replies with the judge's grades of every turn, one after another."""
        judge = judge_of(given)
        one, other = (
            [
                said
                for question, reply in zip(questions, side, strict=True)
                for said in _said(question, reply)
            ]
            for side in (base, tuned)
        )
        found = iter(paired_grades(judge, one, other, given.options.rubric))
        pairs = [[next(found) for _ in reply.answers] for reply in base]
        return Judged(
            [
                _with(reply, [first for first, _ in own])
                for reply, own in zip(base, pairs, strict=True)
            ],
            [
                _with(reply, [second for _, second in own])
                for reply, own in zip(tuned, pairs, strict=True)
            ],
            judge.about(),
        )

    def blank(self, question: Question) -> Reply:
        """Answers that nothing better can be said of than the worst."""
        worst = Grades(1.0, *[float(SCALE[0])] * len(CRITERIA))
        return _with(Reply.blank(question), [worst] * (1 + len(question.then)))

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """The mean of all turns, of each, how many are judged, and the mean by category."""
        turns = [_grades(reply) for reply in replies]
        means = [sum(one.mean for one in own) / len(own) for own in turns]
        everything = range(len(means))
        most = max(map(len, turns))
        return [
            graded("graded", means, everything, primary=True),
            *(
                graded(f"turn_{turn + 1}", [own[turn].mean for own in turns], everything)
                for turn in range(most)
                if most > 1 and all(len(own) > turn for own in turns)
            ),
            Measure.mean(
                "judged",
                [sum(one.judged for one in own) / len(own) for own in turns],
                signature="share of the turns both of whose answers have a judgement",
            ),
            *(
                graded("graded", [means[at] for at in places], places, task=task)
                for task, places in by_task(questions).items()
            ),
        ]


def _question(line: str, where: str) -> Question:
    try:
        row: Mapping[str, Any] = orjson.loads(line)
        key, category, turns = row["question_id"], row["category"], row["turns"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(f"not a conversation: {error!r}", where=where, fix=FIX) from None
    if not isinstance(turns, list) or not turns or not all(isinstance(one, str) for one in turns):
        raise UserError("`turns` is no list of texts", where=where, fix=FIX)
    first, *then = turns
    return Question(
        key=str(key),
        turns=(Message("user", first),),
        then=tuple(then),
        max_new_tokens=LONGEST,
        task=str(category),
    )


def _said(question: Question, reply: Reply) -> list[Said]:
    """Every answer with what stands before it."""
    return [
        (question.followed(reply.answers[:turn]), answer)
        for turn, answer in enumerate(reply.answers)
    ]


def _with(reply: Reply, grades: Sequence[Grades]) -> Reply:
    return with_verdict(reply, [number for one in grades for number in one])


def _grades(reply: Reply) -> list[Grades]:
    """By turn."""
    width = len(Grades._fields)
    return [Grades(*reply.verdicts[at : at + width]) for at in range(0, len(reply.verdicts), width)]


SUITES.register("mt_bench")(MtBench())
