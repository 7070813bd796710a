"""The seam `Service`: how examples become the fine-tuning files of a closed model's maker.

A service takes an upload, charges for it, and truncates or refuses what it does not like, often
without saying which row. So what it documents as its limits is checked here, before anything is
uploaded, and a row that it would refuse keeps its place in the ledger with the reason. Adding a
service is adding one module beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tutelage.data.example import Example, Message
from tutelage.data.fates import Reason
from tutelage.data.rows import BadRow
from tutelage.registry import Registry


@dataclass(frozen=True, slots=True)
class Limits:
    """What a service documents; None where it names no limit.

    Attributes:
        least_examples: in a training file.
        most_examples: in a training file.
        most_validation: examples in a validation file.
        most_tokens: in one example; a longer one would be cut or refused.
        most_bytes: in one file.
    """

    least_examples: int
    most_examples: int | None
    most_validation: int | None
    most_tokens: int
    most_bytes: int


@dataclass(frozen=True, slots=True)
class Service:
    """Who takes the files.

    Attributes:
        name: what a command calls it.
        limits: checked before anything is written.
        supervised: an example as a row of its training file; raises `BadRow` if it has no place
            there. The flag asks for the last assistant turn alone to be learned.
        preference: an example's desired response beside one of its negatives; None if the service
            takes no pairs.
    """

    name: str
    limits: Limits
    supervised: Callable[[Example, bool], dict[str, Any]]
    preference: Callable[[Example, str], dict[str, Any]] | None


SERVICES: Registry[Service] = Registry("service", "tutelage.data.tuning_files")


def check_turns(messages: Sequence[Message]) -> None:
    """Hold a conversation to what every service asks of it.

    Raises:
        BadRow: a turn is blank, a system turn is not the first, somebody but the assistant has the
            last word, or a tool speaks that was not called.
    """
    if not messages or messages[-1].role != "assistant":
        raise BadRow(Reason.NO_RESPONSE, "messages", "no last assistant turn", "a response")
    called = 0
    for at, message in enumerate(messages):
        field = f"messages[{at}]"
        if not message.content.strip() and not message.tool_calls:
            raise BadRow(Reason.EMPTY_FIELD, f"{field}.content", "a blank turn", "text")
        if message.role == "system" and at:
            raise BadRow(
                Reason.TURN_ORDER, field, "a system turn", "system turns at the start only"
            )
        if message.role == "tool":
            called -= 1
        elif called > 0:
            raise BadRow(Reason.TURN_ORDER, field, f"a turn of {message.role}", "the tool's answer")
        else:
            called = len(message.tool_calls)
        if called < 0:
            raise BadRow(Reason.TURN_ORDER, field, "a tool's answer", "a call before it")
