"""The language that the whole response must be in."""

from __future__ import annotations

from pydantic import field_validator

from tutelage.constraints.constraint import CONSTRAINTS, Constraint
from tutelage.constraints.languages import LANGUAGES, language_of
from tutelage.errors import unknown_name


@CONSTRAINTS.register("language:response_language")
class ResponseLanguage(Constraint):
    """The response is in a language; one without any letters passes, as published."""

    language: str
    """Its ISO 639-1 code, such as `de`; `zh-cn` and `zh-tw` count as `zh`."""

    @field_validator("language")
    @classmethod
    def _known(cls, code: str) -> str:
        plain = code.lower().split("-")[0]
        if plain not in LANGUAGES:
            raise ValueError(str(unknown_name("language", code, LANGUAGES)))
        return plain

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return language_of(response) in {self.language, None}
