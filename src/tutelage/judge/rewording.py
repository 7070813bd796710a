"""The same request in other words, and a check that it is the same.

A model rewords, and a model that rewords also changes what is asked: it answers, adds a condition,
drops a number. So a rewording counts only if it keeps every number and every quotation, is not the
text itself, and the judge, asked in both orders and without the story of where the two come from,
finds twice that an answer to one is an answer to the other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from tutelage.judge.asking import Ask, Reason, Shape, Unjudged, answers
from tutelage.judge.fence import Fence
from tutelage.judge.question import question

_REWORD = """\
You say requests in other words.

Each rewording must ask for exactly the same: nothing answered, added, left out or made easier, \
every number, name, quotation and demand on the form of the answer kept. The rewordings must \
differ from the request and from one another in their words and in how their sentences are built. \
Keep its language.

Answer with one JSON object and nothing else, with {count} texts:
{{"rewordings": ["…", "…"]}}

{rule}"""

_REWORD_TASK = "Say the request in other words. Answer with the JSON object alone."

_SAME = """\
You tell whether two requests ask for the same.

They do if every right answer to the one is a right answer to the other, in content and in form, \
whatever their words. They do not if one asks for more, for less, for another form, or answers \
itself.

Answer with one JSON object and nothing else, the reason being one short sentence:
{{"reason": "…", "same": true}} or false in place of true.

{rule}"""

_SAME_TASK = "Do the two ask for the same? Answer with the JSON object alone."

_LITERAL = re.compile(r"\d+(?:[.,:/-]\d+)*|(?<!\w)[\"“«„]([^\"“”«»„]+)[\"”»“]|`[^`]+`")
"""What a rewording must keep letter for letter: numbers, quotations, code."""


@dataclass(frozen=True, slots=True)
class Rewordings:
    """A request in other words.

    Attributes:
        kept: rewordings that ask for the same.
        proposed: how many there were before that was checked.
    """

    kept: tuple[str, ...]
    proposed: int


class _Proposed(Shape):
    rewordings: Annotated[list[str], Field(min_length=1)]


class _Same(Shape):
    reason: Reason
    same: bool


def reword(ask: Ask, requests: Sequence[str], count: int, fence: Fence) -> list[Rewordings]:
    """Say requests in other words that ask for the same.

    Args:
        ask: who rewords, and checks.
        requests: what is asked.
        count: rewordings wanted of each; fewer come of those whose meaning changed.
        fence: what keeps the requests apart from what is asked about them.
    """
    asked = [
        question([("request", text)], fence, _REWORD, _REWORD_TASK, count=str(count))
        for text in requests
    ]
    proposed = [
        [] if isinstance(one, Unjudged) else one.rewordings[:count]
        for one in answers(ask, asked, _Proposed)
    ]
    faithful = [
        [one for one in dict.fromkeys(map(str.strip, found)) if keeps(text, one)]
        for text, found in zip(requests, proposed, strict=True)
    ]
    pairs = [(text, one) for text, found in zip(requests, faithful, strict=True) for one in found]
    alike = iter(_same(ask, pairs, fence))
    return [
        Rewordings(tuple(one for one in found if next(alike)), len(all_))
        for found, all_ in zip(faithful, proposed, strict=True)
    ]


def keeps(text: str, rewording: str) -> bool:
    """Whether a rewording is another text with the same numbers, quotations and code."""
    plain, other = (" ".join(one.split()).casefold() for one in (text, rewording))
    if not other or plain == other:
        return False
    return sorted(_literals(text)) == sorted(_literals(rewording))


def _literals(text: str) -> list[str]:
    return [(found[1] or found[0]).strip() for found in _LITERAL.finditer(text)]


def _same(ask: Ask, pairs: Sequence[tuple[str, str]], fence: Fence) -> list[bool]:
    """Of each pair whether both orders are found to ask for the same."""
    orders = [order for one, other in pairs for order in ((one, other), (other, one))]
    asked = [
        question([("one request", a), ("other request", b)], fence, _SAME, _SAME_TASK)
        for a, b in orders
    ]
    found = [isinstance(one, _Same) and one.same for one in answers(ask, asked, _Same)]
    return [one and other for one, other in zip(found[::2], found[1::2], strict=True)]
