"""Which of two responses is better, asked in both orders.

Judges prefer a place: the first more often than not, and the weaker the judge, the more (Zheng et
al. 2023, "Judging LLM-as-a-Judge"). So each pair is asked twice, with the two exchanged, and a
preference that does not survive the exchange is a tie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tutelage.data.example import Message
from tutelage.judge.asking import Ask, Reason, Shape, Unjudged, answers
from tutelage.judge.fence import Fence
from tutelage.judge.question import conversation, question, said

_SYSTEM = """\
You compare two responses to one conversation.

Better is what does more of what is asked, is true, and is clear; a longer response is not better \
for its length, nor is the first or the second for its place. Where neither is better, say tie.

Answer with one JSON object and nothing else, the reason being one short sentence:
{{"reason": "…", "better": "first"}} or "second" or "tie" in place of "first".

{rule}"""

_TASK = "Which response is better? Answer with the JSON object alone."


@dataclass(frozen=True, slots=True)
class Pair:
    """Two responses to one prompt.

    Attributes:
        prompt: the turns before them.
        a: one response.
        b: the other.
    """

    prompt: tuple[Message, ...]
    a: Message
    b: Message


@dataclass(frozen=True, slots=True)
class Preference:
    """What a judge prefers.

    Attributes:
        better: `a`, `b`, or `tie` where it prefers neither or whichever stands at one place.
        agreed: whether both orders gave the same.
        reason: the judge's, where `a` stood first.
    """

    better: Literal["a", "b", "tie"]
    agreed: bool
    reason: str


class _Answer(Shape):
    reason: Reason
    better: Literal["first", "second", "tie"]


def compare(ask: Ask, pairs: Sequence[Pair], fence: Fence) -> list[Preference | Unjudged]:
    """Compare the responses of pairs, each in both orders.

    Args:
        ask: the judge.
        pairs: what to compare.
        fence: what keeps their texts apart from what the judge is told.

    Returns:
        A preference, or why there is none, for each.
    """
    orders = [order for pair in pairs for order in (pair, Pair(pair.prompt, pair.b, pair.a))]
    found = answers(ask, [_question(order, fence) for order in orders], _Answer)
    return [_settled(one, other) for one, other in zip(found[::2], found[1::2], strict=True)]


def _question(pair: Pair, fence: Fence) -> tuple[Message, ...] | None:
    two = [("first response", said(pair.a)), ("second response", said(pair.b))]
    return question([*conversation(pair.prompt), *two], fence, _SYSTEM, _TASK)


def _settled(one: _Answer | Unjudged, other: _Answer | Unjudged) -> Preference | Unjudged:
    """What both orders say together."""
    if isinstance(one, Unjudged):
        return one
    if isinstance(other, Unjudged):
        return other
    exchanged = {"first": "second", "second": "first", "tie": "tie"}[other.better]
    if one.better != exchanged:
        return Preference("tie", False, one.reason)
    return Preference(_NAMES[one.better], True, one.reason)


_NAMES: dict[str, Literal["a", "b", "tie"]] = {"first": "a", "second": "b", "tie": "tie"}
