"""An instruction that names no length, focus or criteria where its task needs one.

"Summarise this article" can be followed, but in many ways, and which one is right the answer alone
decides. Such rows teach a house style at best; they are worth knowing, not dropping.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.clarity.vagueness import UNDERSPECIFIED, open_gaps
from tutelage.curate.clarity.wording import has_no_input
from tutelage.curate.findings import found

LONGEST = 200


@CHECKS.register("underspecified_instruction")
class UnderspecifiedInstruction(Check):
    """A task that can be done in many ways; its score says how open it is, its detail why."""

    severity = "info"
    title = "Instruction leaves length, focus or criteria open"
    suggestion = "Say how long, with what focus, or by what criteria."
    precision = "0.863 [0.843, 0.880] on instructions of ours among Alpaca"
    recall = "1.000 [0.997, 1.000] on instructions of ours"

    def find(self, batch: Batch) -> pl.DataFrame:
        """Instructions of tasks that need a specification and have none."""
        rows = batch.rows.filter(pl.col("instruction").str.len_chars().is_between(1, LONGEST))
        under = open_gaps(rows, UNDERSPECIFIED, alone=has_no_input())
        return found(
            under,
            pl.format("Underspecified: {}", pl.col("reasons")),
            field="instruction_field",
            score=pl.col("score"),
            suggestion=pl.col("hint"),
        )
