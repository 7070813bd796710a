"""An instruction that refers to an attachment, image, link or text that is not there.

A model trained on the answer learns to invent what it was not given. Rules in Rust find the
instructions without input that point at anything; those few are read closely (see
`clarity/references.py`).
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.clarity.references import BRACKETED, dangling
from tutelage.curate.clarity.wording import PICTURE, PLACEHOLDER, has_no_input
from tutelage.curate.findings import found, none

POINTS = (
    r"(?i)\b(?:following|below|above|attached|attachments?|this|these|given|provided|supplied|enclosed"
    r"|linked|included)\b|\bthe (?:article|passage|paragraph|excerpt|transcript|text|dialogue"
    rf"|conversation|document|snippet|poem|essay|sentence|{PICTURE})\b"
)

LONGEST = 4000
"""Bytes of an instruction; a longer one holds what it points at."""


@CHECKS.register("dangling_reference")
class DanglingReference(Check):
    """A task about something that the row does not hold."""

    title = "Refers to what is not there"
    suggestion = "Put the material into the input, or drop the row: its answer is invented."
    precision = "0.912 [0.864, 0.945] on Alpaca with inputs taken away"
    recall = "0.863 [0.810, 0.904] on Alpaca with inputs taken away"

    def find(self, batch: Batch) -> pl.DataFrame:
        """References without material, and inputs that only name it."""
        text = pl.col("instruction")
        is_short = text.str.len_bytes() <= LONGEST
        alone = batch.rows.filter(is_short & has_no_input() & text.str.contains(POINTS))
        hits = [
            (at, field, *reference)
            for at, field, text in alone.select(
                "at", "instruction_field", "instruction"
            ).iter_rows()
            if (reference := dangling(text))
        ]
        given = pl.col("input").str.strip_chars()
        named = batch.rows.filter(
            given.str.contains(r"^[\[(<{][^\d=;,\"/]{3,60}[\])>}]$")
            & ~given.str.contains(PLACEHOLDER)
        )
        hits += [
            (at, field, 0, len(text))
            for at, field, text in named.select("at", "input_field", "input").iter_rows()
            if BRACKETED.match(text.strip())
        ]
        if not hits:
            return none()
        table = pl.DataFrame(hits, schema=["at", "field", "start", "end"], orient="row")
        detail = "What is referred to is not in the row"
        return found(table, detail, start=pl.col("start"), end=pl.col("end"))
