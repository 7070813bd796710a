"""An instruction that cannot be followed without guessing what it is about: "Write an essay."

What counts is in `clarity/vagueness.py`; rows with an input or earlier turns are left alone, since
these may name what the instruction does not.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.clarity.vagueness import VAGUE, open_gaps
from tutelage.curate.clarity.wording import has_no_input
from tutelage.curate.findings import found

LONGEST = 160


@CHECKS.register("vague_instruction")
class VagueInstruction(Check):
    """A task without an object or a topic; its score says how vague, its detail why."""

    title = "Instruction is vague"
    suggestion = "Name what to work on, for whom, and in what form."
    precision = "0.993 [0.975, 0.998] on instructions of ours among Alpaca"
    recall = "0.983 [0.960, 0.993] on instructions of ours"

    def find(self, batch: Batch) -> pl.DataFrame:
        """Instructions with a gap that no reader could fill."""
        rows = batch.rows.filter(pl.col("instruction").str.len_chars().is_between(1, LONGEST))
        vague = open_gaps(rows, VAGUE, alone=has_no_input())
        return found(
            vague,
            pl.format("Vague: {}", pl.col("reasons")),
            field="instruction_field",
            score=pl.col("score"),
            suggestion=pl.col("hint"),
        )
