"""A task that stands in the wrong field: in the input, or in the response.

Two cases: the instruction is a bare text (a link, a passage) and the input asks; the response is
the question to which the instruction is the answer. Rows whose instruction is empty cannot be read
at all, which the audit reports by itself. Only rows of named fields are looked at: in a
conversation any turn may ask.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.clarity.wording import IMPERATIVE, QUESTION
from tutelage.curate.findings import found

ASKS = (
    rf"(?i)^[\s\W]*(?:{IMPERATIVE}|{QUESTION}|given\b|using\b|based on\b|i (?:need|want)|let'?s\b"
    r"|out of\b|suppose\b|(?:for|in) (?:this|the given|the following|the passage)\b"
    r"|you (?:are|will|need|have)\b)"
)
ASKS_LATER = rf"(?i)(?:\?|[.!:;\n,]\s*{IMPERATIVE})"
ABOUT_A_TASK = (
    r"(?i)\b(?:questions?|tasks?|instructions?|given|provided|following|below|above|outputs?|inputs?|want"
    r"|would like|pretend|imagine|suppose|according|quiz|interview|respond|reply|gpt|model|need to"
    r"|examples?|you are|assistant|translation|classification)\b"
)
ABOUT_QUESTIONS = (
    r"(?i)\?|[.!:;\n]\s*(?:ask|write|create|generate|make|give)\b|\b(?:questions?|tasks?|ask|quiz"
    r"|interview|following|given|gpt|respond|reply|assistant|riddle|translat\w+|interrogative)\b"
)
IS_QUESTION = rf"(?i)^\s*(?:{QUESTION})[^?\n]{{5,200}}\?\s*$"


@CHECKS.register("misplaced_instruction")
class MisplacedInstruction(Check):
    """The instruction stands where the input or the response should."""

    severity = "warning"
    title = "Instruction is in the wrong field"
    suggestion = "Move the task to the instruction."
    precision = "1.000 [0.981, 1.000] on Alpaca with fields exchanged"
    recall = "0.826 [0.774, 0.869] on Alpaca with fields exchanged"

    def find(self, batch: Batch) -> pl.DataFrame:
        """Rows whose fields are mixed up; the field that holds the task is named."""
        rows = batch.rows.filter(
            (pl.col("history") == "")
            # Only where the file itself tells the two apart: a passage before its question is no
            # misplaced instruction.
            & pl.col("instruction_field").str.contains(r"(?i)(?:^|\.)instruction$")
            & (pl.col("instruction").str.len_chars() <= 20_000)
        )
        given = pl.col("instruction").str.slice(0, 2000)
        bare = ~(
            given.str.contains(ASKS)
            | given.str.contains(ASKS_LATER)
            | given.str.slice(0, 300).str.contains(ABOUT_A_TASK)
        )
        answer = ~(given.str.contains(ASKS) | given.str.contains(ABOUT_QUESTIONS))
        swapped = rows.filter(
            bare
            & pl.col("input").str.contains(ASKS)
            & (pl.col("input").str.len_chars() <= 400)
            & pl.col("input").str.contains(r"\p{L}+\s+\p{L}+\s+\p{L}+")
        )
        asked = rows.filter(
            answer
            & (pl.col("input") == "")
            & pl.col("response").str.contains(IS_QUESTION)
            & given.str.contains(r"^\s*\S+\s+\S+\s+\S+")
        )
        return pl.concat(
            [
                found(swapped, "The input asks, and the instruction does not", field="input_field"),
                found(
                    asked, "The response asks, and the instruction answers", field="response_field"
                ),
            ]
        )
