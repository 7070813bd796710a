"""Gemini's tuning files: `contents` of `user` and `model` with text parts, a system instruction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.data.conversation import conversation, turns
from tutelage.data.format import FORMATS, Draft, Format
from tutelage.data.options import SourceOptions
from tutelage.data.rows import Row, wrong

SYSTEM_FIELDS = ("systemInstruction", "system_instruction")


def read(row: Row, options: SourceOptions) -> Draft:
    """Read one row; the system instruction may be missing, and a role with it means user."""
    contents = row.get("contents")
    if not isinstance(contents, Sequence) or isinstance(contents, str):
        raise wrong("contents", contents, "a list of contents")
    said = [_turn(item, f"contents[{at}]", "user") for at, item in enumerate(contents)]
    for field in SYSTEM_FIELDS:
        if (instruction := row.get(field)) is not None:
            said.insert(0, _turn(instruction, field, "system") | {"role": "system"})
    spoken = Row({"contents": said})
    messages = conversation(row, turns(spoken, "contents"), "contents")
    row.changes.extend(spoken.changes)
    return Draft(messages)


def _turn(item: Any, field: str, role: str) -> dict[str, Any]:
    """A content as a message: its parts are those of an OpenAI message's content."""
    if not isinstance(item, Mapping) or not isinstance(item.get("parts"), Sequence):
        raise wrong(field, item, "a content with parts")
    return {"role": item.get("role") or role, "content": item["parts"]}


FORMATS.register("gemini")(Format("gemini", (frozenset({"contents"}),), read))
