"""How a response ends, the quotation marks around it, and the comma that it must do without."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tutelage.constraints.constraint import CONSTRAINTS, Constraint


@CONSTRAINTS.register("startend:end_checker")
class EndsWith(Constraint):
    """Its last words are a phrase; case and double quotes around the response are ignored."""

    end_phrase: Annotated[str, Field(pattern=r"\S")]
    """The phrase."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return response.strip().strip('"').lower().endswith(self.end_phrase.strip().lower())


@CONSTRAINTS.register("startend:quotation")
class InQuotationMarks(Constraint):
    """All of it is in double quotation marks, the straight ones."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        text = response.strip()
        return len(text) > 1 and text[0] == text[-1] == '"'


@CONSTRAINTS.register("punctuation:no_comma")
class NoComma(Constraint):
    """There is no comma in it."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return "," not in response
