"""The only shape that data has inside the house.

Every format is read into an `Example`; everything after `data` knows nothing of formats.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Role = Literal["system", "user", "assistant", "tool"]


class Source(NamedTuple):
    """Where an example was read: the file as the user named it, and the 0-based row in it."""

    file: str
    row: int


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: who speaks.
        content: the text; may be empty only where `tool_calls` is not.
        tool_calls: OpenAI-shaped calls (`{"type": "function", "function": {"name", "arguments"}}`)
            that an assistant turn makes; `arguments` is an object, not a string.
        name: the tool's name on a tool turn, where the data has it.
    """

    role: Role
    content: str
    tool_calls: tuple[dict[str, Any], ...] = ()
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One instruction with what is wanted of it.

    Attributes:
        messages: the conversation. It ends in an assistant turn if there is a desired response.
        negatives: undesired responses to the same prompt (rejected, or thumbed down).
        references: acceptable answers for scoring; where empty, the last assistant turn is it.
        task: the task it belongs to; statistics, mixtures and hold-outs go by task.
        source: file and row it was read from.
        tools: JSON-schema descriptions of the tools the conversation may call.
        constraints: verifiable instructions (`{"id": …, "kwargs": …}`) the answer must meet.
        meta: anything else the row carried.
    """

    messages: tuple[Message, ...]
    source: Source
    negatives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    task: str = "default"
    tools: tuple[dict[str, Any], ...] = ()
    constraints: tuple[dict[str, Any], ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The turns before the final assistant turn (all of them, if there is none)."""
        ends = bool(self.messages) and self.messages[-1].role == "assistant"
        return self.messages[:-1] if ends else self.messages

    @property
    def response(self) -> str | None:
        """The content of the final assistant turn, or None if the conversation has none."""
        ends = bool(self.messages) and self.messages[-1].role == "assistant"
        return self.messages[-1].content if ends else None

    @property
    def accepted(self) -> tuple[str, ...]:
        """The references to score against: the given ones, else the final assistant turn."""
        if self.references:
            return self.references
        return () if self.response is None else (self.response,)
