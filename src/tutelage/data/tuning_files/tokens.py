"""How many tokens a closed model will count, as nearly as can be said without it.

With the extra `tiktoken` installed, OpenAI's own `o200k_base` (of the GPT-4o models and their
successors) counts. Without it, or where its vocabulary cannot be fetched, a token is taken for four
bytes of UTF-8, OpenAI's rule of thumb for English. Either is an estimate for any other model, and
whoever is given a count is told by what it was made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

ENCODING = "o200k_base"

MESSAGE_TOKENS = 4
"""Around each turn, and once at the end: OpenAI's chat mark-up."""


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Counts the tokens of a text.

    Attributes:
        name: what counts, for people.
        count: a text to its number of tokens.
    """

    name: str
    count: Callable[[str], int]


def token_counter() -> TokenCounter:
    """The best counter there is here."""
    try:
        import tiktoken

        encoding = tiktoken.get_encoding(ENCODING)
    except (ImportError, OSError):  # OSError: what requests raises where there is no network
        return TokenCounter("four bytes a token (estimate)", _by_bytes)
    return TokenCounter(
        f"tiktoken {ENCODING}", lambda text: len(encoding.encode(text, disallowed_special=()))
    )


def _by_bytes(text: str) -> int:
    return math.ceil(len(text.encode()) / 4)
