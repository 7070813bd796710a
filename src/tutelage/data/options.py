"""Where examples come from and which of them are trained on."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from tutelage.errors import nearest
from tutelage.options import Options

COLUMN_FIELDS = ("instruction", "input", "response", "system", "references", "task", "negative")
"""Our fields that a column of a table can fill."""


class SourceOptions(Options):
    """One source of examples: a file, a folder, a glob or a hub id, in one format."""

    path: str
    """File, folder or glob (relative to the recipe), or `hub:owner/name` (extra `hub`). JSON,
    JSONL, CSV, TSV, Parquet and CoNLL columns, each also as .gz or .zst."""

    format: str = "auto"
    """Row format; `auto` detects it. See the data formats page for the names."""

    columns: dict[str, str | list[str]] = {}
    """For the format `columns`: our field (instruction, input, response, system, references,
    task, negative) to the table's column; references and negative may have a list of them."""

    instruction: str | None = None
    """Instruction of every row, for tables whose rows hold only an input (formats `columns` and
    `conll`)."""

    task: str | None = None
    """Task of every row; null takes the row's own, else the file's name."""

    split: str | None = None
    """Split of a hub dataset."""

    limit: int | None = Field(default=None, ge=1)
    """Take at most this many rows, drawn with `data.seed`; the rest is marked in the ledger."""

    @field_validator("path")
    @classmethod
    def _path_is_named(cls, path: str) -> str:
        if not path.removeprefix("hub:").strip():
            raise ValueError(f'expected a file, folder, glob or hub:owner/name, found "{path}"')
        return path

    @field_validator("columns")
    @classmethod
    def _columns_fit(
        cls, columns: dict[str, str | list[str]], info: ValidationInfo
    ) -> dict[str, str | list[str]]:
        form = info.data.get("format")
        if form == "columns" and not columns:
            raise ValueError(
                "required by `format: columns`; expected our field to your column, such as "
                "{instruction: question, response: answer}"
            )
        if columns and form not in ("auto", "columns", None):
            raise ValueError(f"columns belong to `format: columns`; the format is {form}")
        for field, column in columns.items():
            if field not in COLUMN_FIELDS:
                close = nearest(field, COLUMN_FIELDS, limit=1)
                meant = f"; did you mean {close[0]}?" if close else ""
                raise ValueError(
                    f"expected our fields ({', '.join(COLUMN_FIELDS)}) on the left, found "
                    f"'{field}'{meant}"
                )
            if isinstance(column, list) and field not in ("references", "negative"):
                raise ValueError(f"expected one column for '{field}', found a list")
        for choices in (("instruction", "input"), ("response", "references", "negative")):
            if columns and columns.keys().isdisjoint(choices):
                raise ValueError(f"expected a column for {' or '.join(choices)}, found none")
        return columns

    @field_validator("split")
    @classmethod
    def _split_is_of_the_hub(cls, split: str | None, info: ValidationInfo) -> str | None:
        path = info.data.get("path")
        if split is not None and path is not None and not path.startswith("hub:"):
            raise ValueError(f"only a hub dataset has a split; the path is {path}")
        return split


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


Split = list[SourceOptions] | float | int
"""Sources of their own, or the share (below 1) or number of training examples set aside."""


class DataOptions(Options):
    """Sources, splits and the limit of loss."""

    train: list[SourceOptions] = Field(min_length=1)
    """Sources of training examples (a path alone stands for `{path: …}`)."""

    validation: Split = 0.05
    """Sources, or a share (below 1) or number of training examples set aside, per task in
    proportion; 0 for none."""

    test: Split = 0.1
    """Sources, or a share or number set aside, as for validation."""

    holdout: HoldoutOptions = HoldoutOptions()
    """Tasks kept out of training altogether."""

    split_by: Literal["row", "task"] = "row"
    """Set aside rows of every task, or whole tasks (a share or number then counts tasks)."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of splits and limits."""

    max_lost: float = Field(default=0.01, ge=0, le=1)
    """Share of rows that may be lost (unreadable or over-long); more stops the run."""

    cache: bool = True
    """Keep the data as it is prepared (read, split and tokenized), and take it from there as long
    as nothing that decides it has changed. See the prepared data page."""

    @field_validator("train", "validation", "test", mode="before")
    @classmethod
    def _spelled_out(cls, value: Any) -> Any:
        return spelled_out(value)

    @field_validator("validation", "test")
    @classmethod
    def _share_or_number(cls, value: Split, info: ValidationInfo) -> Split:
        if not isinstance(value, list) and (value < 0 or (isinstance(value, float) and value >= 1)):
            raise ValueError(
                f"expected sources, a share from 0 to below 1, or a whole number of examples, "
                f"found {value}"
            )
        other = info.data.get("validation") if info.field_name == "test" else None
        if isinstance(other, float) and isinstance(value, float) and other + value >= 1:
            raise ValueError(
                f"leaves nothing to train on: validation takes {other} and test takes {value}; "
                "expected shares that add up to less than 1"
            )
        return value

    @field_validator("holdout")
    @classmethod
    def _something_is_trained_on(
        cls, holdout: HoldoutOptions, info: ValidationInfo
    ) -> HoldoutOptions:
        sources = info.data.get("train")
        if sources and {source.task for source in sources} <= set(holdout.tasks):
            raise ValueError("leaves nothing to train on: every source's task is held out")
        return holdout
