"""A response into which the next row has run: "…\\n\\n6. Instruction: Name a bird.\\n6. Input: …".

Data sets that were generated in numbered lists were cut apart by rules, and some cuts were missed;
the model learns to go on with a new task after its answer. Mended by cutting there.
"""

from __future__ import annotations

import re

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import matches
from tutelage.curate.text.cut import before

NUMBERED = r"\n[ \t]*(?:#{1,4} *)?\d{1,3}[.)]? *(?:instruction|input|output|task) ?:"
LABELLED = r"\n\s*\n[ \t]*(?:instruction|task) ?:"
NEXT_ROW = rf"(?i)\s*(?:{NUMBERED}|{LABELLED})"
ASKS_FOR_ROWS = r"(?i)\b(?:instructions?|inputs?|tasks?|prompts?|assignments?|exercises?|plan)\b"


@CHECKS.register("merged_rows")
class MergedRows(Check):
    """A response that goes on with the next row of the data it came from."""

    severity = "error"
    title = "The next row has run into the response"
    suggestion = "Cut the response where the next row begins."
    precision = "1.000 [0.987, 1.000] on Alpaca with another row behind"
    recall = "0.997 [0.981, 0.999] on Alpaca with another row behind"

    def find(self, batch: Batch) -> pl.DataFrame:
        """Responses with the numbered label of another row, where no such thing was asked for."""
        asked = batch.rows.filter(pl.col("instruction").str.contains(ASKS_FOR_ROWS)).select("at")
        texts = batch.of("response")
        free = texts.join(asked, on="at", how="anti")
        bound = texts.join(asked, on="at", how="semi")
        detail = "Another row begins here"
        return pl.concat(
            [matches(free, NEXT_ROW, detail), matches(bound, rf"(?i)\s*\n{NUMBERED}", detail)]
        )

    def fix(self, text: str) -> str | None:
        """The response before the next row; None where nothing is left."""
        match = re.search(NEXT_ROW, text)
        return before(text, match.start()) if match else text
