"""MT-bench's conversations of two turns, each answer graded by a judge (Zheng et al. 2023).

80 conversations of eight kinds (arXiv:2306.05685). The second question is asked after the model's
own answer to the first, and its answer is graded with what stands before it. The paper has one
grade from 1 to 10 by GPT-4, and shows the judge a solution of mathematics and code; here the rubric
is that of `rubric`, four criteria from 1 to 5, by the judge of the recipe, without solutions:
figures are not those of leaderboards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.question import Question
from tutelage.evaluate.suite import SUITES, Given
from tutelage.evaluate.suites.rubric import RubricSuite, check_judge
from tutelage.evaluate.text_lines import text_lines

LONGEST = 512
FIX = 'expected one object a line: {"question_id": 81, "category": "writing", "turns": ["…", "…"]}'


class MtBench(RubricSuite):
    """Answers of two models to conversations, each graded by a third."""

    area = "instruction following"
    title = "conversations of two turns, graded by a judge: MT-bench"
    data = "mt_bench/question.jsonl"
    needs = "two models and evaluate.judge"

    def questions(self, given: Given) -> list[Question]:
        """One a conversation, each category a part."""
        check_judge(given)
        return [_question(line, where) for line, where in text_lines(given.path(self.data), FIX)]


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


SUITES.register("mt_bench")(MtBench())
