"""Prompt and completion (or response), as texts or as lists of messages.

T0's completions end in the text of GPT-2's end-of-text token. It is removed: the renderer adds
the stop token of the model that is tuned, and its name in plain text would be learned as text.

IFEval's prompts have no completion, and need none: answers are judged by the instructions beside
them (`instruction_id_list`), so such a row is a question that can be asked and not trained on.
"""

from __future__ import annotations

from dataclasses import replace

from tutelage.data.conversation import conversation, system_turn, tools, turns
from tutelage.data.example import Message
from tutelage.data.fates import Reason
from tutelage.data.format import FORMATS, Draft, Format
from tutelage.data.options import SourceOptions
from tutelage.data.rows import Row

END_OF_TEXT = "<|endoftext|>"
INSTRUCTIONS = "instruction_id_list"


def read(row: Row, options: SourceOptions) -> Draft:
    """Read one row; `system` and `tools` may be missing."""
    answer = (
        "response" if row.get("completion") is None and "response" in row.values else "completion"
    )
    asked = [*system_turn(row), *turns(row, "prompt")]
    if row.get(answer) is None and row.get(INSTRUCTIONS) is not None:
        return Draft(tuple(asked), tools=tools(row))
    messages = [*asked, *(_ended(row, turn, answer) for turn in turns(row, answer, "assistant"))]
    return Draft(conversation(row, messages, answer), tools=tools(row))


def _ended(row: Row, turn: Message, field: str) -> Message:
    """The turn without an end-of-text marker at its end."""
    if not turn.content.endswith(END_OF_TEXT):
        return turn
    row.note(Reason.END_OF_TEXT_REMOVED, field)
    return replace(turn, content=row.as_text(turn.content.removesuffix(END_OF_TEXT), field))


FORMATS.register("prompt_completion")(
    Format(
        "prompt_completion",
        (
            frozenset({"prompt", "completion"}),
            frozenset({"prompt", "response"}),
            frozenset({"prompt", INSTRUCTIONS}),
        ),
        read,
    )
)
