"""Preference pairs: the chosen response is learned, the rejected one kept as a negative.

Chosen and rejected may be texts, messages of either spelling, whole conversations that include
the prompt, or HH-RLHF's transcripts (`\\n\\nHuman: … \\n\\nAssistant: …`). The prompt stands in
`prompt`, `conversations`, `messages`, `instruction` and `input`, `question`, or in the two
conversations themselves. Both must answer the same prompt: a pair that parts before its last turn
compares conversations, not responses, and cannot be learned as a pair.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tutelage.data.conversation import conversation, joined, system_turn, tools, turns, user
from tutelage.data.example import Message, Role
from tutelage.data.fates import Reason
from tutelage.data.format import FORMATS, Draft, Format
from tutelage.data.options import SourceOptions
from tutelage.data.rows import BadRow, Row

SPEAKER = re.compile(r"\n\n(Human|Assistant):")
PROMPT_FIELDS = ("prompt", "conversations", "messages", "question")


def read(row: Row, options: SourceOptions) -> Draft:
    """Read one row; `system` and `tools` may be missing."""
    before = [*system_turn(row), *_prompt(row)]
    chosen = conversation(row, _after(before, _turns(row, "chosen", "assistant")), "chosen")
    negatives = tuple(_negative(_after(before, rejected), chosen) for rejected in _rejected(row))
    return Draft(chosen, negatives=negatives, tools=tools(row))


def _prompt(row: Row) -> list[Message]:
    """The turns of the prompt, if it has a field of its own."""
    if row.get("instruction") is not None:
        return [user(joined(row.text("instruction"), row.optional_text("input")))]
    for field in PROMPT_FIELDS:
        if row.get(field) is not None:
            return _turns(row, field, "user")
    return []


def _rejected(row: Row) -> list[list[Message]]:
    """The rejected responses: one, or a list of texts."""
    value = row.get("rejected")
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    if listed and value and all(isinstance(item, str) for item in value):
        return [[Message("assistant", row.as_text(text, "rejected"))] for text in value]
    return [_turns(row, "rejected", "assistant")]


def _turns(row: Row, field: str, role: Role) -> list[Message]:
    """The turns in a field, a transcript's too."""
    value = row.get(field)
    if isinstance(value, str) and value.startswith(("\n\nHuman:", "\n\nAssistant:")):
        return _transcript(row, row.as_text(value, field), field)
    return turns(row, field, role)


def _transcript(row: Row, text: str, field: str) -> list[Message]:
    """The turns of an HH-RLHF transcript; a prompt's ends in an open `Assistant:`."""
    _, *parts = SPEAKER.split(text)
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    if field == "prompt" and pairs[-1][0] == "Assistant" and not pairs[-1][1].strip():
        pairs.pop()
    speakers: dict[str, Role] = {"Human": "user", "Assistant": "assistant"}
    return [
        Message(speakers[speaker], row.as_text(said.removeprefix(" "), f"{field}[{i}]"))
        for i, (speaker, said) in enumerate(pairs)
    ]


def _after(before: list[Message], answer: list[Message]) -> list[Message]:
    """The whole conversation; `answer` may be it already."""
    if not any(message.role == "user" for message in answer):
        return before + answer
    system = [] if answer[0].role == "system" else before[:1]
    return [message for message in system if message.role == "system"] + answer


def _negative(rejected: list[Message], chosen: tuple[Message, ...]) -> str:
    """The rejected response, which must answer what the chosen one answers, and differ."""
    if not rejected or rejected[-1].role != "assistant" or rejected[-1].tool_calls:
        found = "no assistant turn" if not rejected else f"a last turn of {rejected[-1].role}"
        raise BadRow(Reason.WRONG_VALUE, "rejected", found, "a text by the assistant")
    said = [message for message in rejected if message.role != "system" or message.content]
    if tuple(said[:-1]) != chosen[:-1]:
        found = "another conversation than in chosen"
        raise BadRow(Reason.WRONG_VALUE, "rejected", found, "the same turns but for the last")
    if said[-1].content == chosen[-1].content:
        raise BadRow(Reason.WRONG_VALUE, "rejected", "the text of chosen", "another response")
    return said[-1].content


FORMATS.register("preference")(Format("preference", (frozenset({"chosen", "rejected"}),), read))
