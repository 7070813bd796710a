"""What is asked of base and tuned model, and how it is scored."""

from __future__ import annotations

from pydantic import Field

from tutelage.infer.options import DecodeOptions
from tutelage.options import Options


class TaskEvaluation(Options):
    """How one task is scored, where it differs from the rest."""

    metrics: list[str] | None = None
    """Metrics of this task; the first one is primary: the verdict and its correction go by it."""

    extract: str | None = None
    """Regular expression that finds the answer in prediction and references alike, such as
    `#### *(-?[0-9.,]+)`: its last match (first group, if it has one) is scored; an answer
    without a match is scored as empty."""

    max_new_tokens: int | None = Field(default=None, ge=1)
    """Longest answer for this task, in tokens."""


class EvaluateOptions(Options):
    """The comparison of base and tuned model on the held-out examples."""

    metrics: list[str] = ["rougeL", "token_f1", "exact_match"]
    """Metrics of every task that does not name its own; the first one is primary."""

    tasks: dict[str, TaskEvaluation] = {}
    """Exceptions by task name."""

    decode: DecodeOptions = DecodeOptions()
    """How answers are decoded."""

    max_items: int | None = Field(default=None, ge=1)
    """Ask at most this many items of each task, drawn with the data's seed."""

    general_text: str | None = "builtin"
    """Text that was not tuned on, to measure forgetting by its log-likelihood: `builtin`, a text
    or JSONL file (one document a paragraph, or field `text`), or null for none."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Level of the intervals, and one minus the level of the tests."""

    resamples: int = Field(default=10_000, ge=100)
    """Bootstrap resamples and permutations."""

    seed: int = 0
    """Seed of the resamples."""
