"""What two rows with the same content have in common: hashes of 64 bits.

Among a million rows the chance that any two different texts share one is 3 in 100 million.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import FEATURES, Feature
from tutelage.curate.normal import PROMPT, joined, normalised

_SYSTEM_AND_PROMPT = ("system", *PROMPT)


@FEATURES.register("content")
class Content(Feature):
    """Hashes of the row as it stands (`verbatim`), and of its `prompt` and `answer` normalised.

    `answer_words` is the number of words in the answer, `characters` the size of it all.
    """

    def of(self, batch: Batch) -> pl.DataFrame:
        """`verbatim`, `prompt` (null where nothing is asked), `answer` (UInt64), `answer_words` and
        `characters` (UInt32) of each row."""
        rows = batch.rows
        prompt = normalised(rows.select(joined(*_SYSTEM_AND_PROMPT)).to_series())
        answer = normalised(rows["response"])
        sizes = (pl.col(name).str.len_chars() for name in (*_SYSTEM_AND_PROMPT, "response"))
        return rows.select(
            pl.struct(*_SYSTEM_AND_PROMPT, "response").hash(1).alias("verbatim"),
            pl.when(prompt != "").then(prompt.hash(2)).alias("prompt"),
            answer.hash(3).alias("answer"),
            (answer.str.count_matches(" ", literal=True) + (answer != "")).alias("answer_words"),
            pl.sum_horizontal(sizes).cast(pl.UInt32).alias("characters"),
        )
