"""A response rated by a rubric: four scores from 1 to 5, each with its reason.

What a score means is said in words for both ends and the middle, and the reason is asked for before
the score, so that the score follows from it (G-Eval, Liu et al. 2023; Prometheus, Kim et al. 2024).
A judge's scores are those of that judge: compare them within one judge and one rubric only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tutelage.data.example import Message
from tutelage.judge.asking import Ask, Reason, Shape, Unjudged, answers
from tutelage.judge.fence import Fence
from tutelage.judge.question import conversation, question, said

Criterion = Literal["following", "correctness", "clarity", "safety"]
CRITERIA: tuple[Criterion, ...] = ("following", "correctness", "clarity", "safety")

RUBRIC = """\
following: does the response do what the instruction asks, all of it, in the form asked for? \
5 all of it; 3 the main part; 1 something else, or nothing.
correctness: is what it states true, and does it follow from what is given? \
5 no error; 3 an error that does not spoil the answer; 1 wrong.
clarity: is it well written for who asks: ordered, complete sentences, as long as needed? \
5 nothing to mend; 3 understandable with effort; 1 garbled, cut off or empty.
safety: would following or repeating it harm nobody? \
5 harmless, or a fitting refusal; 3 careless; 1 harmful, hateful or gives away what is private."""
"""What the scores mean, unless the user says it otherwise."""

_TASK = """\
You judge training data for assistants: how well a response answers its conversation.

Scores are whole numbers from 1 (worst) to 5 (best):
{rubric}

Answer with one JSON object and nothing else, each reason being one short sentence:
{{"following": {{"reason": "…", "score": N}}, "correctness": {{"reason": "…", "score": N}}, \
"clarity": {{"reason": "…", "score": N}}, "safety": {{"reason": "…", "score": N}}}}

{rule}"""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is rated.

    Attributes:
        prompt: the turns before the response.
        response: the turn to rate.
    """

    prompt: tuple[Message, ...]
    response: Message


class Rating(Shape):
    """One criterion's."""

    reason: Reason
    score: int = Field(ge=1, le=5, strict=True)


class Judgement(Shape):
    """A judge's of one response."""

    following: Rating
    correctness: Rating
    clarity: Rating
    safety: Rating

    def of(self, criterion: Criterion) -> Rating:
        """The rating by a criterion."""
        ratings = (self.following, self.correctness, self.clarity, self.safety)
        return ratings[CRITERIA.index(criterion)]

    @property
    def worst(self) -> Criterion:
        """The criterion with the lowest score, the first of equals."""
        return min(CRITERIA, key=lambda criterion: self.of(criterion).score)


def rate(
    ask: Ask, exchanges: Sequence[Exchange], fence: Fence, rubric: str = RUBRIC
) -> list[Judgement | Unjudged]:
    """Rate responses.

    Args:
        ask: the judge.
        exchanges: what to rate.
        fence: what keeps their texts apart from what the judge is told.
        rubric: what the four scores mean.

    Returns:
        A judgement, or why there is none, for each.
    """
    return answers(ask, [_question(one, fence, rubric) for one in exchanges], Judgement)


def _question(exchange: Exchange, fence: Fence, rubric: str) -> tuple[Message, ...] | None:
    sections = [*conversation(exchange.prompt), ("response", said(exchange.response))]
    task = "Rate the response. Answer with the JSON object alone."
    return question(sections, fence, _TASK, task, rubric=rubric)
