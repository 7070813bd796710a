"""Which suites are asked, and how."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from tutelage.data.options import SourceOptions
from tutelage.options import Options

DATASET = "dataset"
"""The suite of a user's own questions."""


def checked_pattern(pattern: str | None) -> str | None:
    """The pattern, if it is a regular expression."""
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise ValueError(f"expected a regular expression, found '{pattern}': {error}") from None
    return pattern


class SuiteOptions(Options):
    """One suite, as a run uses it. `tutelage suites` lists what there is."""

    suite: str = DATASET
    """What is asked: the name of a suite, or `dataset` for questions of your own."""

    name: str | None = None
    """What the report calls it; null takes the suite's name, or the data file's."""

    data: list[SourceOptions] = []
    """The questions of a `dataset`, in any format that examples are read in; of another suite, its
    file or folder where that is not below `evaluate.suite_files`."""

    metrics: list[str] | None = None
    """Metrics of a `dataset`, the first one primary; null takes `evaluate.metrics`."""

    extract: str | None = None
    """Regular expression that finds the answer of a `dataset`, as for tasks."""

    few_shot: int = Field(default=0, ge=0)
    """Solved questions shown before each one, drawn with `evaluate.seed`; these are not asked."""

    choices: list[str] | None = None
    """Answers of a `dataset` to choose from: the likeliest is taken, none is written."""

    cluster: str | None = None
    """Column of a `dataset` whose equal values mark questions of one source, such as a passage:
    they are drawn together, and intervals know that they say less than as many strangers."""

    system: str | None = None
    """System prompt of this suite, in place of the recipe's."""

    max_items: int | None = Field(default=None, ge=1)
    """Ask at most this many questions; null takes `evaluate.suite_items`."""

    max_new_tokens: int | None = Field(default=None, ge=1)
    """Longest answer, in tokens; null takes the suite's own."""

    samples: int = Field(default=1, ge=1)
    """Programs written for each task of `humaneval` and `mbpp`: one is greedy, several are drawn
    for pass@k."""

    strength: float = Field(default=0.1, gt=0, le=1)
    """How much noise `perturbations` puts into a prompt: the share of words that are changed."""

    strengths: list[float] = []
    """Further amounts of noise at which `perturbations` asks the same copies, for the report's
    curve of score by noise; the verdict goes by `strength` alone."""

    rewordings: int = Field(default=0, ge=0, le=8)
    """Of each item that `paraphrases` asks, wordings that the judge's model writes and checks
    (`evaluate.judge`), beside the templates'; 0 asks the templates' alone."""

    rubric: str | None = Field(default=None, min_length=1)
    """What `rubric` and `mt_bench` tell the judge that 1 to 5 mean for following, correctness,
    clarity and safety; null takes the house's words, those of audits."""

    people: str | None = None
    """JSONL file of answers that people graded, one object a line: `prompt`, `answer` and `grades`,
    such as `{"clarity": 4}`. The judge of `rubric` or `mt_bench` grades these as well, and how far
    it agrees with people is reported."""

    steps: int = Field(default=16, ge=1)
    """Steps of `suffix_search` for each request; the paper takes 500."""

    candidates: int = Field(default=16, ge=1)
    """Suffixes that `suffix_search` tries in a step; the paper takes 512."""

    @field_validator("name")
    @classmethod
    def _name_names_a_file(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"\w[\w .-]*", name):
            raise ValueError(
                f"expected letters, digits, spaces, dots and dashes, since files are called by it; "
                f"found '{name}'"
            )
        return name

    @field_validator("strengths")
    @classmethod
    def _strengths_are_shares(cls, strengths: list[float]) -> list[float]:
        if outside := [strength for strength in strengths if not 0 < strength <= 1]:
            raise ValueError(f"expected shares above 0, and 1 at most; found {outside[0]:g}")
        return strengths

    @field_validator("extract")
    @classmethod
    def _extract_is_a_pattern(cls, extract: str | None) -> str | None:
        return checked_pattern(extract)

    @property
    def called(self) -> str:
        """The name in tables and files."""
        if self.name is not None:
            return self.name
        if self.suite != DATASET or not self.data:
            return self.suite
        file = self.data[0].path.rstrip("/").split("/")[-1]
        return re.sub(r"[^\w.-]+", "-", re.sub(r"\.\w+(\.(?:gz|zst))?$", "", file)).strip("-.")
