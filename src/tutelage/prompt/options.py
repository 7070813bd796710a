"""How a conversation becomes tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tutelage.options import Options


class PromptOptions(Options):
    """The renderer's settings, the same for training, evaluation, chat and export."""

    template: str | None = None
    """A file with a Jinja chat template in place of the tokenizer's own. A base model that has
    none gets Tutelage's default. The template used is saved with the model."""

    system: str | None = None
    """System prompt for conversations that have none. Null leaves it to the template, which may
    have one of its own; an empty string asks for an empty one."""

    loss_on: Literal["assistant", "last"] = "assistant"
    """Train on every assistant turn, or on the last one only."""

    max_tokens: int = Field(default=1024, ge=8)
    """Longest conversation, prompt and response together, in tokens."""

    over_long: Literal["error", "drop", "truncate_prompt", "truncate_response"] = "drop"
    """What to do with a longer one: stop, leave it out, cut the prompt's middle, or cut the
    response's end (then its stop token is not trained). Each is counted in the ledger."""

    answer_tokens: int = Field(default=8, ge=1, le=64)
    """For masked models: the longest answer, in tokens. Every prompt has that many masked places
    and one for the token that ends the answer; a row with a longer one is left out and counted in
    the ledger. Small is better where answers are labels: a place costs as much as a token."""
