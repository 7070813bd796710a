"""OpenAI's chat format: `messages` with role and content, and the tools they may call.

Developer messages are system messages. A tool call's arguments may be an object or the JSON of
one; answers of tools get their tool's name by the call's id where they do not carry it.
"""

from __future__ import annotations

from tutelage.data.conversation import conversation, tools, turns
from tutelage.data.format import FORMATS, Draft, Format
from tutelage.data.options import SourceOptions
from tutelage.data.rows import Row


def read(row: Row, options: SourceOptions) -> Draft:
    """Read one row; `tools` may be missing."""
    return Draft(conversation(row, turns(row, "messages"), "messages"), tools=tools(row))


FORMATS.register("messages")(Format("messages", (frozenset({"messages"}),), read))
