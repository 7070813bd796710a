"""Stanford Alpaca and its many relatives (Code Alpaca, Dolly): instruction, input, output.

Databricks' Dolly calls the answer `response` and the input `context`. The input follows the
instruction after a blank line, in one user turn. LLaMA-Factory's `system` and `history` (earlier
pairs of user and assistant) are read where they stand.
"""

from __future__ import annotations

from collections.abc import Sequence

from tutelage.data.conversation import assistant, joined, system_turn, user
from tutelage.data.example import Message
from tutelage.data.format import FORMATS, Draft, Format
from tutelage.data.options import SourceOptions
from tutelage.data.rows import Row, wrong


def read(row: Row, options: SourceOptions) -> Draft:
    """Read one row; `input`, `system` and `history` may be missing."""
    as_dolly = row.get("output") is None and "response" in row.values
    given = row.optional_text("input")
    if as_dolly and given is None:
        given = row.optional_text("context")
    prompt = joined(row.text("instruction"), given)
    answer = assistant(row.text("response" if as_dolly else "output"))
    return Draft((*system_turn(row), *_history(row), user(prompt), answer))


def _history(row: Row) -> list[Message]:
    """Earlier turns, from pairs of question and answer."""
    pairs = row.get("history") or []
    earlier: list[Message] = []
    if not isinstance(pairs, Sequence) or isinstance(pairs, str):
        raise wrong("history", pairs, "a list of pairs")
    for i, pair in enumerate(pairs):
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise wrong(f"history[{i}]", pair, "a pair of question and answer")
        earlier.append(user(row.as_text(pair[0], f"history[{i}][0]")))
        earlier.append(assistant(row.as_text(pair[1], f"history[{i}][1]")))
    return earlier


FORMATS.register("alpaca")(
    Format(
        "alpaca",
        (frozenset({"instruction", "output"}), frozenset({"instruction", "response"})),
        read,
    )
)
