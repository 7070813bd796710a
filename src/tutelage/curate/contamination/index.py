"""The runs of words (n-grams) of evaluation items, to be looked up in millions of rows.

A run that many items share is a template (`Answer the following question`), and so says nothing of
any one of them; it is left out. Most runs of a training row are in no item: a bitmap with sixteen
bits a run tells so for 15 of 16 of them in one memory access, before anything is searched for.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tutelage.curate.normal import Words, words

TEMPLATE_ITEMS = 5
TEMPLATE_SHARE = 0.01
"""A run in more items than either of these says is a template."""

_BITS = 16


class Index:
    """Runs of one length, each with the texts that hold it.

    Attributes:
        length: words in a run.
        totals: (texts,) distinct runs of each text that are no templates.
    """

    def __init__(self, texts: pl.Series, sets: pl.Series, length: int) -> None:
        """Index texts.

        Args:
            texts: prompts and answers of items.
            sets: the evaluation set of each.
            length: words in a run.
        """
        self.length = length
        table = _runs(words(texts), length).join(
            pl.DataFrame({"set": sets}).with_row_index("text").cast({"text": pl.Int64}), on="text"
        )
        limits = (
            sets.alias("set")
            .value_counts()
            .select("set", (pl.col("count") * TEMPLATE_SHARE).clip(TEMPLATE_ITEMS).alias("limit"))
        )
        holders = table.with_columns(pl.len().over("run", "set").alias("items"))
        told = holders.join(limits, on="set").filter(pl.col("items") <= pl.col("limit"))
        self._texts = told.select("run", "text").sort("run", "text")
        self._count = len(texts)
        self._prepare()

    def _prepare(self) -> None:
        self.totals: NDArray[np.int64] = np.bincount(
            self._texts["text"].to_numpy(), minlength=self._count
        )
        self._known = self._texts["run"].unique().sort().to_numpy()
        size = 1 << max(10, int(_BITS * max(1, len(self._known))).bit_length())
        self._mask = np.uint64(size - 1)
        self._bitmap = np.zeros(size, dtype=np.bool_)
        self._bitmap[self._slots(self._known)] = True

    def without(self, runs: pl.Series) -> None:
        """Leave out runs that turned out to be templates."""
        self._texts = self._texts.filter(~pl.col("run").is_in(runs.implode()))
        self._prepare()

    def hits(self, found: Words) -> pl.DataFrame:
        """Where the texts of a training set hold runs of items.

        Returns:
            `row` (number of the training text), `run` and `text` (of an item), each once.
        """
        runs, whole = found.runs(self.length)
        maybe = np.flatnonzero(whole & self._bitmap[self._slots(runs)])
        place = np.searchsorted(self._known, runs[maybe])
        place[place == len(self._known)] = 0
        sure = maybe[self._known[place] == runs[maybe]] if len(self._known) else maybe[:0]
        owners = np.searchsorted(found.starts, sure, side="right") - 1
        table = pl.DataFrame({"row": owners.astype(np.int64), "run": runs[sure]}).unique()
        return table.join(self._texts, on="run")

    def _slots(self, runs: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return (runs ^ (runs >> np.uint64(32))) & self._mask


def _runs(found: Words, length: int) -> pl.DataFrame:
    """Every run of every text, once."""
    runs, whole = found.runs(length)
    return pl.DataFrame({"run": runs[whole], "text": found.owners()[whole]}).unique()
