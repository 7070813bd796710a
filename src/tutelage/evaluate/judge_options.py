"""Who judges the answers of two models, for suites that ask a judge."""

from __future__ import annotations

from tutelage.asking_options import JudgingOptions


class SuiteJudgeOptions(JudgingOptions):
    """A judge at an OpenAI-compatible endpoint, one of your own machine's included."""

    people: str | None = None
    """JSONL file of comparisons that people made, one object a line: `prompt`, the answers `a` and
    `b`, and which is `better` (`a`, `b` or `tie`). The judge is asked about these as well, and how
    far it agrees with people is reported."""
