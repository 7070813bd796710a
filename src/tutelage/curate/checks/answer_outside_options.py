"""A choice answered with none of its options: asked for spam or ham, the response is "Banana".

Only short responses are judged, to instructions that name their options; a response that says it
cannot choose is left alone. See `accuracy/options.py`.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.accuracy.options import is_outside, options
from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import found, none

OFFERS = r"(?i)\bor\b|[\"”]\s*(?:,|and)|\b(?:for|if|when)\b.*\b(?:for|if|when)\b"
LONGEST = 80
LONGEST_INSTRUCTION = 2000


@CHECKS.register("answer_outside_options")
class AnswerOutsideOptions(Check):
    """The response is none of the options that the instruction names."""

    title = "Answer is none of the options"
    suggestion = "Answer with one of the options, or drop the row."
    precision = "0.963 [0.817, 0.993] on Alpaca with strange answers"
    recall = "0.812 [0.647, 0.911] on Alpaca with strange answers"

    def find(self, batch: Batch) -> pl.DataFrame:
        """Short responses to choices that choose nothing offered."""
        rows = batch.rows.filter(
            (pl.col("response").str.len_chars() <= LONGEST)
            & (pl.col("instruction").str.len_bytes() <= LONGEST_INSTRUCTION)
            & pl.col("instruction").str.contains(OFFERS)
        )
        wrong = [
            (at, field)
            for at, field, instruction, response in rows.select(
                "at", "response_field", "instruction", "response"
            ).iter_rows()
            if is_outside(response, options(instruction))
        ]
        if not wrong:
            return none()
        table = pl.DataFrame(wrong, schema=["at", "field"], orient="row")
        return found(table, "The answer is none of the options that the instruction names")
