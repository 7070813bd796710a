"""OpenAI's fine-tuning files: chats, and pairs of a preferred and another response (DPO).

One object a line: `{"messages": …, "tools": …}`, or `{"input": {"messages": …},
"preferred_output": […], "non_preferred_output": […]}` for preferences, of which one turn each is
trained. Calls carry their arguments as JSON text and an id that the tool's answer repeats.

Limits as documented (read 22 November 2026): at least 10 examples (OpenAI's fine-tuning guide),
files of up to 512 MB (files API), 65,536 tokens an example for the GPT-4o models and their
successors (Azure's table of the same models). By then OpenAI's page on preference tuning said that
the platform is closed to new users; the same files are taken by Azure and by many other services.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from tutelage.data.example import Example, Message
from tutelage.data.fates import Reason
from tutelage.data.rows import BadRow
from tutelage.data.tuning_files.service import SERVICES, Limits, Service, check_turns

LIMITS = Limits(
    least_examples=10,
    most_examples=None,
    most_validation=None,
    most_tokens=65_536,
    most_bytes=512 * 10**6,
)


def chat(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as the chat API and its fine-tuning files spell them."""
    written: list[dict[str, Any]] = []
    open_calls: list[str] = []
    calls = 0
    for message in messages:
        turn: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            open_calls = [f"call_{calls + at}" for at in range(len(message.tool_calls))]
            calls += len(open_calls)
            turn["tool_calls"] = [
                _call(call, id_) for call, id_ in zip(message.tool_calls, open_calls, strict=True)
            ]
            turn["content"] = message.content or None
        if message.role == "tool" and open_calls:
            turn["tool_call_id"] = open_calls.pop(0)
        written.append(turn)
    return written


def _call(call: dict[str, Any], id_: str) -> dict[str, Any]:
    function = call["function"]
    arguments = orjson.dumps(function["arguments"]).decode()
    return {
        "id": id_,
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def supervised(example: Example, last_only: bool) -> dict[str, Any]:
    """A row of a training file."""
    check_turns(example.messages)
    written = chat(example.messages)
    if last_only:
        for turn in written[:-1]:
            if turn["role"] == "assistant":
                turn["weight"] = 0
    return {"messages": written} | _tools(example)


def preference(example: Example, negative: str) -> dict[str, Any]:
    """A row of a preference file."""
    check_turns(example.messages)
    if not negative.strip():
        raise BadRow(Reason.EMPTY_FIELD, "negatives", "a blank response", "text")
    return {
        "input": {"messages": chat(example.prompt)} | _tools(example),
        "preferred_output": chat(example.messages[-1:]),
        "non_preferred_output": chat([Message("assistant", negative)]),
    }


def _tools(example: Example) -> dict[str, Any]:
    return {"tools": list(example.tools)} if example.tools else {}


SERVICES.register("openai")(Service("openai", LIMITS, supervised, preference))
