"""Responses of two parts: two answers, or the request repeated and then answered."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tutelage.constraints.constraint import CONSTRAINTS, Constraint


@CONSTRAINTS.register("combination:two_responses")
class TwoResponses(Constraint):
    """Two different responses with `******` between them."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        parts = [part.strip() for part in response.split("******")]
        filled = [part for part in parts if part]
        return all(parts[1:-1]) and len(filled) == 2 and filled[0] != filled[1]


@CONSTRAINTS.register("combination:repeat_prompt")
class RepeatPrompt(Constraint):
    """It starts with the request, word for word, case ignored."""

    prompt_to_repeat: Annotated[str, Field(pattern=r"\S")]
    """The request, which may be only a part of the prompt."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return response.strip().lower().startswith(self.prompt_to_repeat.strip().lower())
