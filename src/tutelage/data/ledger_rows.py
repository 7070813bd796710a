"""The ledger's rows as columns of machine integers: some 30 bytes each, whatever their names.

Files, tasks and splits are stored once and stand in the columns as numbers. polars is imported
where a table is made: a recipe is read through this package too, and must not wait for it.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from tutelage.data.example import Source
from tutelage.data.fates import Fate

if TYPE_CHECKING:
    import polars as pl


class Names:
    """Strings stored once, each as a small number."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._codes: dict[str, int] = {}

    def code(self, name: str) -> int:
        """The number of a name, known or new."""
        code = self._codes.setdefault(name, len(self.names))
        if code == len(self.names):
            self.names.append(name)
        return code

    def find(self, name: str) -> int | None:
        """The number of a name, if it is known."""
        return self._codes.get(name)


class Rows:
    """Every row read; its place is the order in which it was.

    Attributes:
        files: names of files.
        tasks: names of tasks.
        splits: names of splits.
        task: of each row, by number.
        split: of each row, by number.
        fate: of each row.
        trained: how often each row was trained on.
    """

    def __init__(self) -> None:
        self.files = Names()
        self.tasks = Names()
        self.splits = Names()
        self._file = array("i")
        self._row = array("q")
        self.task = array("i")
        self.split = array("i")
        self.fate = bytearray()
        self.trained = array("i")
        # Place of each row by file code and row number; -1 where a number is not used.
        self._places: list[array[int]] = []

    def __len__(self) -> int:
        return len(self.fate)

    def add(self, source: Source, task: str, split: str) -> None:
        """Enter a row as kept.

        Raises:
            ValueError: it is there already.
        """
        file = self.files.code(source.file)
        if file == len(self._places):
            self._places.append(array("q"))
        places = self._places[file]
        missing = source.row + 1 - len(places)
        if missing > 0:
            places.extend([-1] * missing)
        if places[source.row] != -1:
            raise ValueError(f"{source.file} row {source.row} is registered twice")
        places[source.row] = len(self)
        self._file.append(file)
        self._row.append(source.row)
        self.task.append(self.tasks.code(task))
        self.split.append(self.splits.code(split))
        self.fate.append(Fate.KEPT)
        self.trained.append(0)

    def place(self, source: Source) -> int:
        """Position of a row in the columns.

        Raises:
            KeyError: it was never entered.
        """
        file = self.files.find(source.file)
        places = array("q") if file is None else self._places[file]
        if source.row >= len(places) or places[source.row] == -1:
            raise KeyError(f"{source.file} row {source.row} was never registered")
        return places[source.row]

    def source(self, place: int) -> Source:
        """Where the row at a place came from."""
        return Source(self.files.names[self._file[place]], self._row[place])

    def table(self) -> pl.DataFrame:
        """One line a row: file, row, task, split, fate, trained."""
        import polars as pl

        return pl.DataFrame(
            {
                "file": pl.Series(self._file, dtype=pl.Int32),
                "row": pl.Series(self._row, dtype=pl.Int64),
                "task": pl.Series(self.task, dtype=pl.Int32),
                "split": pl.Series(self.split, dtype=pl.Int32),
                "fate": pl.Series(self.fate, dtype=pl.UInt8),
                "trained": pl.Series(self.trained, dtype=pl.Int32),
            }
        ).with_columns(
            _names("file", self.files.names),
            _names("task", self.tasks.names),
            _names("split", self.splits.names),
            _names("fate", [fate.name.lower() for fate in Fate]),
        )

    @classmethod
    def of_table(cls, table: pl.DataFrame) -> Rows:
        """The rows of what `table` gave.

        Raises:
            ValueError: a row stands in it twice.
            KeyError: it has a fate that there is not.
        """
        if not table.select("file", "row").is_unique().all():
            raise ValueError("a row stands in it twice")
        rows = cls()
        rows._file = array("i", _codes(table["file"], rows.files))
        rows._row = array("q", table["row"])
        rows.task = array("i", _codes(table["task"], rows.tasks))
        rows.split = array("i", _codes(table["split"], rows.splits))
        rows.fate = bytearray(Fate[fate.upper()] for fate in table["fate"])
        rows.trained = array("i", table["trained"])
        rows._places = [array("q") for _ in rows.files.names]
        for place, (file, row) in enumerate(zip(rows._file, rows._row, strict=True)):
            places = rows._places[file]
            places.extend([-1] * (row + 1 - len(places)))
            places[row] = place
        return rows


def _names(column: str, names: list[str]) -> pl.Expr:
    """Numbers of a column turned back into their names."""
    import polars as pl

    return pl.col(column).replace_strict(
        list(range(len(names))), names, return_dtype=pl.String, default=None
    )


def _codes(column: pl.Series, names: Names) -> pl.Series:
    """A column's names as numbers."""
    import polars as pl

    known = [names.code(name) for name in column.unique(maintain_order=True)]
    return column.replace_strict(names.names, known, return_dtype=pl.Int32)
