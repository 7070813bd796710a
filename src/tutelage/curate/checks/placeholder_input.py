"""An input field that says there is no input: "No input", "N/A", "<noinput>".

A model trained on it learns that the words matter. 77 of 6,014 Alpaca rows have one; the remedy is
to empty the field.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.clarity.wording import PLACEHOLDER
from tutelage.curate.findings import found

A_WORD = r"(?i)^(?:none|null|nil|nan|na|empty|blank|input|placeholder)\.?$"
ABOUT_A_WORD = (
    r"(?i)\b(?:null|none|nan|nil|n/a|empty|blank|words?|phrase|translate|meaning|define|synonyms?"
    r"|antonyms?|spell|rhymes?|acronym|abbreviation|symbol|string|term)\b"
)


@CHECKS.register("placeholder_input")
class PlaceholderInput(Check):
    """An input that stands for none."""

    severity = "warning"
    title = "Input says there is none"
    suggestion = "Leave the input empty."
    precision = "1.000 [0.990, 1.000] on Alpaca with such inputs put in"
    recall = "0.971 [0.949, 0.984] on Alpaca with such inputs put in"

    def find(self, batch: Batch) -> pl.DataFrame:
        """Inputs that are placeholders, unless the instruction is about such a word."""
        given = pl.col("input").str.strip_chars()
        rows = batch.rows.filter(
            given.str.contains(PLACEHOLDER)
            & ~(given.str.contains(A_WORD) & pl.col("instruction").str.contains(ABOUT_A_WORD))
        )
        detail = pl.format("The input is `{}`", given)
        return found(rows, detail, field="input_field")

    def fix(self, text: str) -> str | None:
        """Nothing."""
        return ""
