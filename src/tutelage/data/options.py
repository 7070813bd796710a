"""Where examples come from and which of them are trained on."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from tutelage.options import Options


class SourceOptions(Options):
    """One source of examples: a file, a folder, a glob or a hub id, in one format."""

    path: str
    """File, folder or glob (relative to the recipe), or `hub:owner/name` (extra `hub`). JSON,
    JSONL, CSV, TSV, Parquet and CoNLL columns, each also as .gz or .zst."""

    format: str = "auto"
    """Row format; `auto` detects it. See the data formats page for the names."""

    columns: dict[str, str] = {}
    """For the format `columns`: our field (instruction, input, response, system, references,
    task, negative) to the table's column."""

    task: str | None = None
    """Task of every row; null takes the row's own, else the file's name."""

    split: str | None = None
    """Split of a hub dataset."""

    limit: int | None = Field(default=None, ge=1)
    """Take at most this many rows, drawn with `data.seed`; the rest is marked in the ledger."""


def spelled_out(sources: Any) -> Any:
    """Sources in full: one alone becomes a list of one, and a bare path `{path: …}`."""
    if isinstance(sources, str | dict | SourceOptions):
        sources = [sources]
    if not isinstance(sources, list):
        return sources
    return [{"path": source} if isinstance(source, str) else source for source in sources]


class HoldoutOptions(Options):
    """What is kept from training to measure generalisation."""

    tasks: list[str] = []
    """Tasks that are never trained on; all their rows are test items."""


class DataOptions(Options):
    """Sources, splits and the limit of loss."""

    train: list[SourceOptions] = Field(min_length=1)
    """Sources of training examples (a path alone stands for `{path: …}`)."""

    validation: list[SourceOptions] | float | int = 0.05
    """Sources, or a share (below 1) or number of training examples set aside, per task in
    proportion; 0 for none."""

    test: list[SourceOptions] | float | int = 0.1
    """Sources, or a share or number set aside, as for validation."""

    holdout: HoldoutOptions = HoldoutOptions()
    """Tasks kept out of training altogether."""

    split_by: Literal["row", "task"] = "row"
    """Set aside rows of every task, or whole tasks."""

    seed: int = 0
    """Seed of splits and limits."""

    max_lost: float = Field(default=0.01, ge=0, le=1)
    """Share of rows that may be lost (unreadable or over-long); more stops the run."""

    @field_validator("train", "validation", "test", mode="before")
    @classmethod
    def _spelled_out(cls, value: Any) -> Any:
        return spelled_out(value)
