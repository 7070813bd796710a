"""Who judges the answers of two models, for suites that ask a judge."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from tutelage.asking_options import JudgingOptions


class SuiteJudgeOptions(JudgingOptions):
    """A judge at an OpenAI-compatible endpoint, one of your own machine's included, or a model
    here."""

    local: str | None = Field(default=None, min_length=1)
    """Folder or hub id of a judge that is loaded here, in place of `model` at an endpoint; it is in
    memory beside the model that is evaluated."""

    people: str | None = None
    """JSONL file of comparisons that people made, one object a line: `prompt`, the answers `a` and
    `b`, and which is `better` (`a`, `b` or `tie`). The judge is asked about these as well, and how
    far it agrees with people is reported."""

    @model_validator(mode="after")
    def _one_judges(self) -> Self:
        if self.model is not None and self.local is not None:
            raise ValueError(f"expected one judge, found model: {self.model}, local: {self.local}")
        return self
