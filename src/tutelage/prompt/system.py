"""The recipe's system prompt, for models here and elsewhere alike."""

from __future__ import annotations

from collections.abc import Sequence

from tutelage.data.example import Message


def with_system(messages: Sequence[Message], system: str | None) -> tuple[Message, ...]:
    """A conversation with the system prompt at its head, where it has none of its own.

    Args:
        messages: at least one turn.
        system: None leaves the conversation as it is.
    """
    if system is None or messages[0].role == "system":
        return tuple(messages)
    return (Message("system", system), *messages)
