"""Gemini's supervised tuning files, as Vertex AI takes them.

One object a line: `systemInstruction`, and `contents` in which `user` and `model` take turns, each
with text parts. Conversations that call tools are not written: Google documents the calls a model
makes, and for the answers of tools in tuning files we found no form we could check.

Limits as documented (Vertex AI, "About supervised fine-tuning for Gemini models", Gemini 2.5, read
22 November 2026): 131,072 tokens an example, a million text examples and 1 GB a training file,
5,000 validation examples. There is no smallest number; 100 examples are recommended.
"""

from __future__ import annotations

from typing import Any

from tutelage.data.example import Example
from tutelage.data.fates import Reason
from tutelage.data.rows import BadRow
from tutelage.data.tuning_files.service import SERVICES, Limits, Service, check_turns

LIMITS = Limits(
    least_examples=1,
    most_examples=1_000_000,
    most_validation=5_000,
    most_tokens=131_072,
    most_bytes=10**9,
)

SPEAKERS = {"user": "user", "assistant": "model"}


def supervised(example: Example, last_only: bool) -> dict[str, Any]:
    """A row of a training file; Gemini has no way to learn the last turn alone."""
    check_turns(example.messages)
    turns = list(example.messages)
    row: dict[str, Any] = {}
    if turns[0].role == "system":
        row["systemInstruction"] = {"role": "system", "parts": [{"text": turns.pop(0).content}]}
    answers = sum(turn.role == "assistant" for turn in turns)
    if last_only and answers > 1:
        raise BadRow(
            Reason.WRONG_VALUE,
            "messages",
            f"{answers} answers, of which one is to be learned",
            "one",
        )
    for at, turn in enumerate(turns):
        field = f"messages[{at}]"
        if turn.role == "tool" or turn.tool_calls or example.tools:
            raise BadRow(Reason.WRONG_VALUE, field, "tools", "text alone, in a file for Gemini")
        expected = ("user", "assistant")[at % 2]
        if turn.role != expected:
            raise BadRow(Reason.TURN_ORDER, field, f"a turn of {turn.role}", f"one of {expected}")
    row["contents"] = [
        {"role": SPEAKERS[turn.role], "parts": [{"text": turn.content}]} for turn in turns
    ]
    return row


SERVICES.register("gemini")(Service("gemini", LIMITS, supervised, None))
