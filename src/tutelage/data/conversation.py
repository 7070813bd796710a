"""Turns of a conversation in any of the usual spellings, to our messages.

OpenAI writes `{"role", "content"}`, ShareGPT `{"from", "value"}`, and both call tools in several
ways; every format that holds turns reads them here, so that a preference pair of ShareGPT turns
or a thumbed OpenAI conversation needs no code of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from tutelage.data.example import Message, Role
from tutelage.data.fates import Reason
from tutelage.data.rows import BadRow, Row, absent, wrong

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
    "tool_response": "tool",
}
CALL_ROLES = {"function_call", "tool_call"}
"""ShareGPT turns whose value is the JSON of a call."""


def user(text: str) -> Message:
    """A user turn."""
    return Message("user", text)


def assistant(text: str) -> Message:
    """An assistant turn."""
    return Message("assistant", text)


def joined(*parts: str | None) -> str:
    """The parts that are there, with a blank line between them."""
    return "\n\n".join(part for part in parts if part is not None)


def system_turn(row: Row, field: str = "system") -> list[Message]:
    """The row's system message as a list of one, or of none."""
    text = row.optional_text(field)
    return [] if text is None else [Message("system", text)]


def turns(row: Row, field: str, role: Role = "user") -> list[Message]:
    """The turns in a field: a text alone, one message, or a list of messages.

    Args:
        row: the row.
        field: its field.
        role: who speaks where the field is a text alone.

    Raises:
        BadRow: the field is missing, empty, or something in it is not a turn.
    """
    value = row.get(field)
    if isinstance(value, Mapping):
        return [_message(row, value, field, {})]
    if not isinstance(value, Sequence) or isinstance(value, str):
        return [Message(role, row.as_text(value, field))]
    if not value:
        raise BadRow(Reason.EMPTY_FIELD, field, "an empty list", "a list of messages")
    names: dict[str, str] = {}
    return [_message(row, item, f"{field}[{i}]", names) for i, item in enumerate(value)]


def conversation(row: Row, messages: Iterable[Message], field: str) -> tuple[Message, ...]:
    """A conversation that can be learned from: it ends in an answer to somebody.

    An empty system message is left out and turns after the last answer are removed; both are
    noted as changes.

    Raises:
        BadRow: there is no answer, or nothing before it.
    """
    kept = []
    for message in messages:
        if message.role == "system" and not message.content.strip():
            row.note(Reason.EMPTY_SYSTEM_REMOVED, field)
        else:
            kept.append(message)
    end = len(kept)
    while end and kept[end - 1].role != "assistant":
        end -= 1
    if end < len(kept) and end:
        row.note(Reason.UNANSWERED_TURN_REMOVED, f"{field}: {len(kept) - end} turns at the end")
    if not end:
        raise BadRow(Reason.MISSING_FIELD, field, "no assistant turn", "an assistant turn")
    if all(message.role in ("system", "assistant") for message in kept[:end]):
        raise BadRow(Reason.MISSING_FIELD, field, "no user turn", "a user turn before the answer")
    return tuple(kept[:end])


def tools(row: Row) -> tuple[dict[str, Any], ...]:
    """The row's tools in OpenAI's shape, from `tools` or the older `functions`.

    Raises:
        BadRow: not a list of objects, nor the JSON of one.
    """
    field = "tools" if row.get("tools") is not None else "functions"
    value = row.get(field)
    if value is None or value == "":
        return ()
    listed = _parsed(value, field, "a list of tools")
    if not isinstance(listed, Sequence) or not all(isinstance(tool, Mapping) for tool in listed):
        raise wrong(field, listed, "a list of tools")
    return tuple(
        dict(tool) if "function" in tool else {"type": "function", "function": dict(tool)}
        for tool in listed
    )


def _message(row: Row, item: Any, field: str, names: dict[str, str]) -> Message:
    """One turn. `names` collects the tool's name by call id, for the answers that only have it."""
    if not isinstance(item, Mapping):
        raise wrong(field, item, "a message with role and content")
    role_key, text_key = ("from", "value") if "from" in item else ("role", "content")
    speaker, content = item.get(role_key), item.get(text_key)
    at = f"{field}.{text_key}"
    if item.get("weight") == 0:
        raise wrong(f"{field}.weight", 0, "no weight: all assistant turns are learned alike")
    if not isinstance(speaker, str) or speaker not in (ROLES.keys() | CALL_ROLES):
        raise wrong(f"{field}.{role_key}", speaker, f"one of {', '.join([*ROLES, *CALL_ROLES])}")
    if speaker in CALL_ROLES:
        called = _calls(content, at, names)
        if not called:
            raise wrong(at, content, "a call with name and arguments")
        return Message("assistant", "", called)
    role = ROLES[speaker]
    calls: tuple[dict[str, Any], ...] = ()
    if role == "assistant":
        written = item.get("tool_calls") or item.get("function_call") or ()
        calls = _calls(written, f"{field}.tool_calls", names)
    if (calls or role == "system") and (absent(content) or content == ""):
        return Message(role, "", calls)
    text = row.as_text(_flat(content, at), at)
    return Message(role, text, calls, _tool_name(item, names) if role == "tool" else None)


def _tool_name(item: Mapping[str, Any], names: Mapping[str, str]) -> str | None:
    """The tool that a tool turn answers for: named, or found by the call's id."""
    name, call = item.get("name"), item.get("tool_call_id")
    if isinstance(name, str):
        return name
    return names.get(call) if isinstance(call, str) else None


def _flat(content: Any, field: str) -> Any:
    """OpenAI's list of text parts as one text; anything else as it is."""
    if isinstance(content, str) or not isinstance(content, Sequence):
        return content
    for i, part in enumerate(content):
        if not isinstance(part, Mapping) or not isinstance(part.get("text"), str):
            raise wrong(f"{field}[{i}]", part, "a part of type text")
    return "".join(part["text"] for part in content)


def _calls(written: Any, field: str, names: dict[str, str]) -> tuple[dict[str, Any], ...]:
    """Tool calls in any spelling, as `{"type": "function", "function": {name, arguments}}`."""
    value = _parsed(written, field, "a call")
    listed = [value] if isinstance(value, Mapping) else value
    if not isinstance(listed, Sequence):
        raise wrong(field, value, "a call, or a list of them")
    calls = []
    for i, item in enumerate(listed):
        at = f"{field}[{i}]"
        if not isinstance(item, Mapping):
            raise wrong(at, item, "a call with name and arguments")
        function = item.get("function") or item
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise wrong(at, item, "a call with name and arguments")
        given = function.get("arguments")
        arguments = _parsed({} if given in (None, "") else given, f"{at}.arguments", "an object")
        if not isinstance(arguments, Mapping):
            raise wrong(f"{at}.arguments", arguments, "an object, or the JSON of one")
        if isinstance(item.get("id"), str):
            names[item["id"]] = function["name"]
        call = {"name": function["name"], "arguments": dict(arguments)}
        calls.append({"type": "function", "function": call})
    return tuple(calls)


def _parsed(value: Any, field: str, expected: str) -> Any:
    """The value, or what it says if it is JSON in a string."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise wrong(field, value, f"{expected}, or the JSON of one") from error
