"""What is asked of base and tuned model, and how it is scored."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from tutelage.evaluate.gates import checked_conditions
from tutelage.evaluate.judge_options import SuiteJudgeOptions
from tutelage.evaluate.suite_options import SuiteOptions, checked_pattern
from tutelage.infer.options import DecodeOptions, EndpointOptions
from tutelage.options import Options

WRITTEN_OUT = "{"
"""What a JSON Schema begins with that stands in a recipe itself, and no name of a file."""


class AnswerForm(Options):
    """The form that answers must have; the metrics of the same names measure how many have it."""

    json_schema: str | None = None
    """File with a JSON Schema, or the schema itself (JSON that begins with a brace), which is what
    the recipe in a run folder has; an answer is JSON that it allows, in a code fence or not."""

    regular_expression: str | None = None
    """Expression that matches the whole answer, in Rust's dialect (no look-around, no
    back-references)."""

    label_set: list[str] | None = Field(default=None, min_length=1)
    """Labels, one of which is the whole answer, letter for letter."""


class TaskEvaluation(Options):
    """How one task is scored, where it differs from the rest."""

    metrics: list[str] | None = None
    """Metrics of this task; the first one is primary: the verdict and its correction go by it."""

    extract: str | None = None
    """Regular expression that finds the answer in prediction and references alike, such as
    `#### *(-?[0-9.,]+)`: its last match (first group, if it has one) is scored; an answer
    without a match is scored as empty."""

    format: AnswerForm = AnswerForm()
    """Form that every answer must have, measured by the metrics `json_schema`,
    `regular_expression` and `label_set` on the whole answer."""

    max_new_tokens: int | None = Field(default=None, ge=1)
    """Longest answer for this task, in tokens."""

    choices: list[str] | Literal["trained"] | None = None
    """For masked models: the answers to choose from, such as [positive, negative], or `trained`
    for all that the task's training examples give. The likeliest is the answer, of base and tuned
    model alike. Without them the answer is written freely."""

    @field_validator("metrics")
    @classmethod
    def _metrics_are_a_choice(cls, metrics: list[str] | None) -> list[str] | None:
        return None if metrics is None else checked_metrics(metrics)

    @field_validator("extract")
    @classmethod
    def _extract_is_a_pattern(cls, extract: str | None) -> str | None:
        return checked_pattern(extract)


def checked_metrics(metrics: list[str]) -> list[str]:
    """The metrics, of which there is at least one (the primary one) and none twice."""
    if not metrics:
        raise ValueError("expected at least one metric, of which the first is primary; found none")
    twice = {metric for metric in metrics if metrics.count(metric) > 1}
    if twice:
        raise ValueError(f"found twice: {', '.join(sorted(twice))}; expected each metric once")
    return metrics


class EvaluateOptions(Options):
    """The comparison of base and tuned model on the held-out examples."""

    metrics: list[str] = ["rougeL", "token_f1", "exact_match"]
    """Metrics of every task that does not name its own; the first one is primary."""

    tasks: dict[str, TaskEvaluation] = {}
    """Exceptions by task name."""

    own_constraints: list[str] = []
    """Python files with kinds of verifiable instructions of your own (relative to the recipe).
    They are run as code."""

    decode: DecodeOptions = DecodeOptions()
    """How answers are decoded."""

    endpoint: EndpointOptions = EndpointOptions()
    """Models behind an endpoint to compare, or to compare with. See the closed models page."""

    max_items: int | None = Field(default=None, ge=1)
    """Ask at most this many items of each task, drawn with the data's seed."""

    suites: list[SuiteOptions] = []
    """What else both models are asked, by `tutelage eval --suite` or here; see the evaluation
    page. `tutelage suites` lists what there is."""

    suite_files: str | None = None
    """Folder of public evaluation sets, each as its publisher lays it out."""

    judge: SuiteJudgeOptions = SuiteJudgeOptions()
    """A model that compares answers, for suites that ask one."""

    suite_items: int | None = Field(default=50, ge=1)
    """Ask at most this many questions of a suite, drawn with `seed`; null asks all of them."""

    suite_max_new_tokens: int | None = Field(default=None, ge=1)
    """Longest answer in any suite, in tokens, where the suite's own or its `max_new_tokens` is
    longer; null leaves them."""

    fail_if: list[str] = []
    """Conditions under which `tutelage eval` ends with exit code 1, such as
    `ifeval.prompt_strict < 0.2` (of the tuned model), `mmlu.accuracy worsens` or `any worsens`
    (significantly, after correction)."""

    general_text: str | None = "builtin"
    """Text that was not tuned on, to measure forgetting by its log-likelihood: `builtin`, a text
    or JSONL file (one document a paragraph, or field `text`), or null for none."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Level of the intervals, and one minus the level of the tests."""

    resamples: int = Field(default=10_000, ge=100)
    """Bootstrap resamples and permutations."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the resamples."""

    @field_validator("metrics")
    @classmethod
    def _metrics_are_a_choice(cls, metrics: list[str]) -> list[str]:
        return checked_metrics(metrics)

    @field_validator("fail_if")
    @classmethod
    def _fail_if_is_understood(cls, fail_if: list[str]) -> list[str]:
        return checked_conditions(fail_if)

    @field_validator("suites")
    @classmethod
    def _suites_differ(cls, suites: list[SuiteOptions]) -> list[SuiteOptions]:
        names = [suite.called for suite in suites]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(
                f"found twice: {', '.join(sorted(twice))}; give each suite a `name` of its own"
            )
        return suites
