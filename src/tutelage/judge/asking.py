"""Questions to a judge whose answers must be JSON of a shape, asked once more if they are not.

An answer counts only as a whole: the JSON object and nothing else, but for a Markdown fence around
it. A judge that quotes the text it judges could otherwise be made to quote a verdict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError

from tutelage.data.example import Message

Ask = Callable[[Sequence[Sequence[Message]]], list[str | None]]
"""Answers to conversations, in order; None where one gets no answer (it was refused, say)."""

MOST_REASON = 300
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class Unjudged:
    """There is no judgement.

    Attributes:
        why: the text is too long to be asked about; the judge gave no answer; what it said is no
            judgement, twice.
    """

    why: Literal["too_long", "no_answer", "unreadable"]


class Shape(BaseModel):
    """What a judge must answer; more than that is passed over."""


Answered = TypeVar("Answered", bound=Shape)


def _one_line(reason: str) -> str:
    return " ".join(reason.split())[:MOST_REASON]


Reason = Annotated[str, AfterValidator(_one_line)]
"""A judge's reason: untrusted text, kept on one line and not long."""

_MARKDOWN = re.compile(r"\A\s*```(?:json)?\s*\n(.*)\n\s*```\s*\Z", re.DOTALL)


def read(answer: str, shape: type[Answered]) -> Answered | str:
    """What an answer says; or, in words of ours alone, what is wrong with its form."""
    fenced = _MARKDOWN.match(answer)
    try:
        return shape.model_validate_json(fenced[1] if fenced else answer)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "json_invalid":
            return "it was not one JSON object and nothing else"
        return f"{place}: {first['msg']}" if place else first["msg"]


def answers(
    ask: Ask, questions: Sequence[Sequence[Message] | None], shape: type[Answered]
) -> list[Answered | Unjudged]:
    """A judge's answers, in the order of the questions.

    Args:
        ask: the judge.
        questions: conversations that end in a user turn; None for one that is too long.
        shape: what an answer must be.
    """
    found: list[Answered | Unjudged] = [Unjudged("too_long") for _ in questions]
    open_ = [(at, question) for at, question in enumerate(questions) if question is not None]
    for _ in range(2):
        again: list[tuple[int, Sequence[Message]]] = []
        said = ask([question for _, question in open_])
        for (at, question), answer in zip(open_, said, strict=True):
            if answer is None:
                found[at] = Unjudged("no_answer")
                continue
            outcome = read(answer, shape)
            found[at] = Unjudged("unreadable") if isinstance(outcome, str) else outcome
            if isinstance(outcome, str):
                again.append((at, _once_more(question, outcome)))
        if not again:
            break
        open_ = again
    return found


def _once_more(question: Sequence[Message], wrong: str) -> Sequence[Message]:
    """The question again, with what was wrong with the answer; not the answer, which may quote."""
    *before, last = question
    said = f"{last.content}\n\nYour last answer could not be used: {wrong}. Answer with the JSON."
    return [*before, Message(last.role, said)]
