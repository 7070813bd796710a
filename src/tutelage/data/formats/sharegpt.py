"""ShareGPT: `conversations` of from and value, with LLaMA-Factory's tool calls.

`function_call` turns hold the JSON of a call, `observation` turns its answer, `tools` the JSON of
their descriptions; `system` may stand beside the conversation.
"""

from __future__ import annotations

from tutelage.data.conversation import conversation, system_turn, tools, turns
from tutelage.data.format import FORMATS, Draft, Format
from tutelage.data.options import SourceOptions
from tutelage.data.rows import Row


def read(row: Row, options: SourceOptions) -> Draft:
    """Read one row; `system` and `tools` may be missing."""
    messages = [*system_turn(row), *turns(row, "conversations")]
    return Draft(conversation(row, messages, "conversations"), tools=tools(row))


FORMATS.register("sharegpt")(Format("sharegpt", (frozenset({"conversations"}),), read))
