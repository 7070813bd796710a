"""What a model is tuned for: the word after `tutelage init --for`.

By itself, because printing help needs the words and must not load the recipe's types for them.
"""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """What a model is tuned for."""

    CHAT = "chat"
    CLASSIFY = "classify"
    EXTRACT = "extract"
    SUMMARIZE = "summarize"
    QA = "qa"
    CODE = "code"
