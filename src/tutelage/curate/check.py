"""The seams of an audit: `Check` of a row, `Feature` of a row, `WholeCheck` of the dataset.

Adding one is adding one file to `checks/`, `features/` or `whole/`, or one named in a recipe. What
runs on batches is pure, so that it gives the same findings in one process, in several, and on Ray.
What needs all rows gets features that were computed batch by batch, and takes texts of single rows
where it must look again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.findings import Severity
from tutelage.data.audit_options import AuditOptions
from tutelage.registry import Registry


class _Named(ABC):
    """What every kind of check declares.

    Attributes:
        severity: of its findings, unless the recipe says otherwise.
        title: a few words for headings, such as "Response is cut off".
        suggestion: what to do about a finding that names nothing better.
        precision: measured share of its findings that are right, as a phrase for the docs and the
            page, with the data (null where nothing labelled was to be had).
        recall: measured share of the defects that it finds.
        needs: importable modules it cannot do without; without them it is skipped, and the extra
            named.
        extra: the extra that installs them.
        slow: it needs embeddings, a model or a judge; left out where only rules are asked for.
    """

    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str]
    suggestion: ClassVar[str]
    precision: ClassVar[str | None] = None
    recall: ClassVar[str | None] = None
    needs: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = "audit"
    slow: ClassVar[bool] = False

    def __init__(self, options: AuditOptions) -> None:
        self.options = options


class Check(_Named):
    """Looks at each row by itself."""

    @abstractmethod
    def find(self, batch: Batch) -> pl.DataFrame:
        """Findings in a batch, with columns as in `findings.FOUND`; a pure function."""

    def fix(self, text: str) -> str | None:
        """The text of a field that was found wrong, mended; None where it cannot be."""
        return None


class Feature(ABC):
    """What a check of the whole needs to know of each row."""

    needs: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = "audit"
    slow: ClassVar[bool] = False

    def __init__(self, options: AuditOptions) -> None:
        self.options = options

    @abstractmethod
    def of(self, batch: Batch) -> pl.DataFrame:
        """One line for each row of the batch, in order; a pure function."""


class Dataset(Protocol):
    """All rows, as a check of the whole sees them."""

    @property
    def count(self) -> int:
        """Number of rows."""

    def feature(self, name: str) -> pl.DataFrame:
        """A feature of every row, in the dataset's order; one the check `uses`."""

    def rows(self, places: Sequence[int] | pl.Series | None = None) -> pl.DataFrame:
        """Lines of `Batch.rows` at these places in the dataset (all of them: only where `count` is
        small), with `at` the place."""

    def columns(self, name: str) -> pl.DataFrame:
        """The `columns` of a check that was concluded `before`."""

    def against(self) -> Mapping[str, Dataset]:
        """The evaluation sets, by the name the user gave; their rows have the same features."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a check of the whole found.

    Attributes:
        findings: columns as in `findings.FOUND`, with `at` the row's place in the dataset.
        summary: what is true of the whole, for `audit.json` under `dataset` and the check's name;
            JSON, small.
        columns: one line for every row of the dataset (or None): coordinates, clusters, types, for
            `rows.parquet`, selection and the page.
    """

    findings: pl.DataFrame
    summary: Mapping[str, Any] = field(default_factory=dict)
    columns: pl.DataFrame | None = None


class WholeCheck(_Named):
    """Looks at all rows together.

    Attributes:
        uses: the features it needs.
        before: checks of the whole whose `columns` it needs; they are concluded first.
        against: it compares with evaluation sets, and is skipped where none is given.
        scored: it reads the `columns` of `model`, scores of all rows by a local model
            (`scores.likelihood.SCORES`), and is skipped where no model is named.
        judged: which of the `columns` of `judge` it reads (`judging.JUDGED`): those of responses
            that a judge `rated`, or `compared` with undesired ones, in a sample of the rows. It is
            skipped where no judge is named, and what no check reads is not asked.
    """

    uses: ClassVar[tuple[str, ...]] = ()
    before: ClassVar[tuple[str, ...]] = ()
    against: ClassVar[bool] = False
    scored: ClassVar[bool] = False
    judged: ClassVar[Literal["rated", "compared"] | None] = None

    @abstractmethod
    def conclude(self, data: Dataset) -> Conclusion:
        """Findings and summary of the whole dataset; must be the same for the same rows in the same
        order."""


CHECKS: Registry[type[Check]] = Registry("check", "tutelage.curate.checks")
FEATURES: Registry[type[Feature]] = Registry("feature", "tutelage.curate.features")
WHOLE_CHECKS: Registry[type[WholeCheck]] = Registry("check", "tutelage.curate.whole")
