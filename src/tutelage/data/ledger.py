"""The fate of every row that was read, with its reasons: nothing is lost silently.

A row is registered once, when it is read, and from then on has exactly one fate. Later stages
only ever make it worse and add their reason. The ledger is columns of machine integers and a
sparse log of marks, so that a million rows cost some 30 bytes each and a kept row costs nothing
more (tests/data/test_data_load.py measures it). polars is imported where a table is made: a
recipe is read through this package too, and must not wait for it.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import TYPE_CHECKING

from tutelage.data.example import Source
from tutelage.data.fates import REASONS, Fate, Reason
from tutelage.data.ledger_rows import Rows
from tutelage.errors import UserError
from tutelage.rundir import replacing

if TYPE_CHECKING:
    import polars as pl

SHOWN = 5
"""Lost rows named in an error."""


class Ledger:
    """Every row read, its task, split and fate.

    The invariant: `sum(counts().values()) == len(ledger)`, whatever was marked.
    """

    def __init__(self) -> None:
        self._rows = Rows()
        self._mark_place = array("q")
        self._mark_reason: list[Reason] = []
        self._mark_detail: list[str] = []

    def __len__(self) -> int:
        return len(self._rows)

    def register(self, source: Source, task: str, split: str) -> None:
        """Enter a row as kept.

        Args:
            source: file and 0-based row; registering it twice is a bug.
            task: the task as far as it is known; `assign` may correct it.
            split: `train`, `validation` or `test`.

        Raises:
            ValueError: the row is registered already.
        """
        self._rows.add(source, task, split)

    def assign(self, source: Source, *, task: str | None = None, split: str | None = None) -> None:
        """Correct a row's task or split."""
        rows = self._rows
        place = rows.place(source)
        if task is not None:
            rows.task[place] = rows.tasks.code(task)
        if split is not None:
            rows.split[place] = rows.splits.code(split)

    def mark(self, source: Source, fate: Fate, reason: Reason, detail: str = "") -> None:
        """Make a row's fate worse, or leave it, and add a reason.

        Args:
            source: a registered row.
            fate: changed, truncated or dropped; the row keeps the worse of this and its own.
            reason: why.
            detail: free text, such as the field, what was found and what was expected.

        Raises:
            KeyError: the row was never registered.
            ValueError: `fate` is kept, which needs no reason.
        """
        if fate == Fate.KEPT:
            raise ValueError("a kept row needs no mark")
        place = self._rows.place(source)
        self._rows.fate[place] = max(self._rows.fate[place], fate)
        self._mark_place.append(place)
        self._mark_reason.append(reason)
        self._mark_detail.append(detail)

    def note_trained(self, source: Source, times: int) -> None:
        """Note how often a row was trained on."""
        self._rows.trained[self._rows.place(source)] = times

    def tasks(self) -> set[str]:
        """The tasks of all rows."""
        return {self._rows.tasks.names[code] for code in set(self._rows.task)}

    def fate(self, source: Source) -> Fate:
        """The fate of a registered row."""
        return Fate(self._rows.fate[self._rows.place(source)])

    def counts(self) -> dict[str, int]:
        """Rows by fate, every fate named: `{"kept": …, "changed": …, …}`."""
        return {fate.name.lower(): self._rows.fate.count(fate) for fate in Fate}

    def reasons(self) -> dict[str, int]:
        """Rows by reason code, most frequent first; a row with two reasons counts in both."""
        tally: dict[str, int] = {}
        for _, reason in set(zip(self._mark_place, self._mark_reason, strict=True)):
            tally[reason.code] = tally.get(reason.code, 0) + 1
        return dict(sorted(tally.items(), key=lambda item: (-item[1], item[0])))

    def lost(self) -> int:
        """Rows dropped for a defect or their length."""
        return len(self._lost_places())

    def lost_share(self) -> float:
        """Lost rows over all rows but those set aside on purpose (not sampled, copies of tests)."""
        return self.lost() / max(self._wanted(), 1)

    def _wanted(self) -> int:
        """Rows but those set aside on purpose."""
        return len(self) - (self._rows.fate.count(Fate.DROPPED) - self.lost())

    def check(self, max_lost: float) -> None:
        """Stop if more than a share of the rows is lost.

        Args:
            max_lost: the largest share allowed (`data.max_lost`).

        Raises:
            UserError: more is lost; the first rows are named with their reasons.
        """
        share = self.lost_share()
        if share <= max_lost:
            return
        places = self._lost_places()
        shown = "\n".join(f"  {self._describe(place)}" for place in sorted(places)[:SHOWN])
        more = f"\n  … and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
        raise UserError(
            f"{len(places)} of {self._wanted()} rows are lost ({share:.2%}); "
            f"at most {max_lost:.2%} may be (data.max_lost):\n{shown}{more}",
            fix="repair or remove these rows, or raise data.max_lost if losing them is right",
        )

    def table(self) -> pl.DataFrame:
        """One line a row read: file, row, task, split, fate, trained (how often), reasons and
        details (lists)."""
        import polars as pl

        marks = (
            pl.DataFrame(
                {
                    "place": pl.Series(self._mark_place, dtype=pl.UInt32),
                    "reasons": pl.Series([r.code for r in self._mark_reason], dtype=pl.String),
                    "details": pl.Series(self._mark_detail, dtype=pl.String),
                }
            )
            .unique(maintain_order=True)
            .group_by("place", maintain_order=True)
            .agg("reasons", "details")
        )
        none = pl.lit([], dtype=pl.List(pl.String))
        return (
            self._rows.table()
            .with_row_index("place")
            .join(marks, on="place", how="left", maintain_order="left")
            .drop("place")
            .with_columns(pl.col("reasons", "details").fill_null(none))
        )

    def write(self, path: Path) -> None:
        """Write the table as Parquet, whole or not at all."""
        with replacing(path) as temporary:
            self.table().write_parquet(temporary)

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """Read back what `write` wrote.

        Raises:
            UserError: the file is not a ledger.
        """
        import polars as pl

        try:
            ledger = cls()
            ledger._fill(pl.read_parquet(path))
        except (pl.exceptions.PolarsError, KeyError, ValueError) as error:
            raise UserError(f"not a ledger: {error}", where=str(path)) from error
        return ledger

    def _fill(self, table: pl.DataFrame) -> None:
        """Take over a table's rows; only those that have marks are looked at one by one."""
        self._rows = Rows.of_table(table)
        marked = table.with_row_index("place").filter(table["reasons"].list.len() > 0)
        for place, reasons, details in marked.select("place", "reasons", "details").iter_rows():
            for code, detail in zip(reasons, details, strict=True):
                self._mark_place.append(place)
                self._mark_reason.append(REASONS[code])
                self._mark_detail.append(detail)

    def _lost_places(self) -> set[int]:
        return {
            place
            for place, reason in zip(self._mark_place, self._mark_reason, strict=True)
            if reason.lost and self._rows.fate[place] == Fate.DROPPED
        }

    def _describe(self, place: int) -> str:
        """`file row 3: reason, detail` for messages."""
        said = [
            detail or reason.meaning
            for at, reason, detail in zip(
                self._mark_place, self._mark_reason, self._mark_detail, strict=True
            )
            if at == place and reason.lost
        ]
        source = self._rows.source(place)
        return f"{source.file} row {source.row}: {'; '.join(said)}"
