"""Responses with a thumb up or down (KTO): messages, or prompt and completion, and a label.

A thumb up is a desired response. A thumb down is kept as a negative of its prompt, and the
example then has no desired response.
"""

from __future__ import annotations

from typing import Any

from tutelage.data.conversation import conversation, system_turn, tools, turns
from tutelage.data.format import FORMATS, Draft, Format
from tutelage.data.options import SourceOptions
from tutelage.data.rows import Row, wrong

THUMBS: dict[Any, bool] = {
    True: True,
    False: False,
    "true": True,
    "false": False,
    "1": True,
    "0": False,
}


def read(row: Row, options: SourceOptions) -> Draft:
    """Read one row; `system` and `tools` may be missing."""
    field = "messages" if row.get("messages") is not None else "completion"
    if field == "messages":
        said = turns(row, "messages")
    else:
        said = [*turns(row, "prompt"), *turns(row, "completion", "assistant")]
    messages = conversation(row, [*system_turn(row), *said], field)
    if _thumb(row):
        return Draft(messages, tools=tools(row))
    if messages[-1].tool_calls:
        raise wrong(field, "a tool call", "a text by the assistant, to be a negative")
    return Draft(messages[:-1], negatives=(messages[-1].content,), tools=tools(row))


def _thumb(row: Row) -> bool:
    label = row.get("label")
    key = label.lower() if isinstance(label, str) else label
    if not isinstance(key, str | int) or key not in THUMBS:
        fix = "if it is no thumb, name the format (`format: messages`)"
        raise wrong("label", label, "true or false", fix)
    return THUMBS[key]


FORMATS.register("thumbs")(
    Format(
        "thumbs",
        (frozenset({"messages", "label"}), frozenset({"prompt", "completion", "label"})),
        read,
    )
)
