"""Where examples come from and which of them are trained on."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from tutelage.data.audit_options import AuditOptions
from tutelage.data.names import matches
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
    """Tasks that are never trained on; all their rows are test items. A pattern such as
    `*_summary_*` holds out the whole cluster of tasks whose names match it."""


class SubsetOptions(Options):
    """A part of the training examples, as a learning curve takes them."""

    examples: int | None = Field(default=None, ge=1)
    """Train on at most this many of the examples that the splits leave to train on, drawn by their
    prompts; the rest is marked in the ledger. Null takes all. Validation and test do not change."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the draw: with the same one, a smaller subset is a part of a larger one."""


class TaskBudget(Options):
    """How much of one task the whole run trains on, whatever the strategy gives the others."""

    epochs: float | None = Field(default=None, gt=0)
    """Passes over the task's examples in the whole run, in place of `train.epochs`."""

    examples: int | None = Field(default=None, ge=1)
    """Examples in the whole run: no more than `train.epochs` passes over the task have."""

    tokens: int | None = Field(default=None, ge=1)
    """Tokens in the whole run, prompts included, counted at the task's mean length."""


class MixtureOptions(Options):
    """How much each task has of what is trained on."""

    strategy: Literal["proportional", "equal", "temperature", "weights"] = "proportional"
    """Part of each task in an epoch: as many as it has, all the same, by min(size,
    cap)^(1/temperature) (T5: Raffel et al. 2020; FLAN: Wei et al. 2022), or as `weights` say. An
    epoch has as many examples as there are, so small tasks are repeated, in whole passes."""

    temperature: float = Field(default=2.0, gt=0)
    """Of `temperature`: 1 is proportional up to the cap; larger ones come close to equal. T5 found
    2 the best in most cases."""

    cap: int | None = Field(default=3000, ge=1)
    """Of `temperature`: examples of a task beyond this give it no larger part; FLAN's 3,000. Null
    has no cap."""

    weights: dict[str, float] = {}
    """Of `weights`: each task's part, on any scale; 0 leaves a task out."""

    tasks: dict[str, TaskBudget] = {}
    """Tasks with a budget of their own: passes, examples or tokens in the whole run. The strategy
    divides the rest among the others."""

    @property
    def budgets(self) -> dict[str, TaskBudget]:
        """The tasks that have a budget."""
        return {task: budget for task, budget in self.tasks.items() if budget != TaskBudget()}

    @field_validator("temperature", "cap")
    @classmethod
    def _temperature_is_used(
        cls, value: float | int | None, info: ValidationInfo
    ) -> float | int | None:
        strategy, name = info.data.get("strategy"), info.field_name or ""
        if strategy not in ("temperature", None) and value != cls.model_fields[name].default:
            raise ValueError(f"only `strategy: temperature` uses it; the strategy is {strategy}")
        return value

    @field_validator("weights")
    @classmethod
    def _weights_weigh(cls, weights: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        strategy = info.data.get("strategy")
        if strategy == "weights" and not weights:
            raise ValueError(
                "required by `strategy: weights`; expected a weight for every task, such as "
                "{summaries: 2, questions: 1}"
            )
        if weights and strategy not in ("weights", None):
            raise ValueError(f"weights belong to `strategy: weights`; the strategy is {strategy}")
        for task, weight in weights.items():
            if weight < 0:
                raise ValueError(f"expected weights of at least 0, found {weight:g} for '{task}'")
        if weights and not any(weights.values()):
            raise ValueError("the weights sum to nothing; expected one above 0")
        return weights

    @field_validator("tasks")
    @classmethod
    def _budgets_are_of_one_kind(
        cls, tasks: dict[str, TaskBudget], info: ValidationInfo
    ) -> dict[str, TaskBudget]:
        for task, budget in tasks.items():
            given = [name for name, value in budget if value is not None]
            if len(given) > 1:
                raise ValueError(
                    f"expected one of epochs, examples or tokens for '{task}', found "
                    f"{' and '.join(given)}"
                )
            if given and task in info.data.get("weights", {}):
                raise ValueError(f"'{task}' has a weight too; remove one of the two")
        return tasks


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

    mixture: MixtureOptions = MixtureOptions()
    """How the tasks that are trained on are mixed."""

    split_by: Literal["row", "task"] = "row"
    """Set aside rows of every task, or whole tasks (a share or number then counts tasks)."""

    subset: SubsetOptions = SubsetOptions()
    """Train on a part of what the splits leave; see the learning curve page."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of splits and limits."""

    max_lost: float = Field(default=0.01, ge=0, le=1)
    """Share of rows that may be lost (unreadable or over-long); more stops the run."""

    audit: AuditOptions = AuditOptions()
    """What an audit of the training data looks for, before a run and in `tutelage audit RECIPE`."""

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
        tasks = [source.task for source in sources or []]
        if tasks and all(task and matches(task, holdout.tasks) for task in tasks):
            raise ValueError("leaves nothing to train on: every source's task is held out")
        return holdout
