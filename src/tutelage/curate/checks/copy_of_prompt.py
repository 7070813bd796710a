"""Responses that give the prompt back: the instruction, its input, or the instruction first.

Compared in columns, to the letter but for space and quotation marks at the ends, since changing
case or a full stop may be the task. Tasks whose right answer may be the text itself (correct, sort,
repeat …) are left alone, and so is an input of a few words that an answer picks.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import found

MAY_STAY = (
    r"(?i)(?-u:\b)(?:correct|fix|proof|gramma|spell|punctuat|copy|repeat|echo|return|same"
    r"|sort|order"
    r"|arrange|alphabet|print|unchanged|if (?:necessary|needed)|debug|check|error|mistake|clean"
    r"|quot|recite|capital|case|read aloud|valid)"
)
PICKS = (
    r"(?i)(?-u:\b)(?:which|identify|find|extract|select|pick|choose|detect|match|name|give|what|who"
    r"|list|decide|determine|answer)"
)
LEAST_WORDS = 4
"""Words from which an input that comes back is a copy."""

LEAST_PICKED = 12
"""The same where an answer may be a part of the input."""

LEAST_ECHO = 30
"""Characters from which an instruction that stands before the answer is an echo."""


def _plain(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars(" \t\r\n\"'`")


@CHECKS.register("copy_of_prompt")
class CopyOfPrompt(Check):
    """A response that is its prompt, or begins with it."""

    severity = "warning"
    title = "Response copies the prompt"
    suggestion = "Answer the instruction, or drop the row."
    precision = "0.985 [0.968, 0.993] on Alpaca, Dolly and Code Alpaca with defects put in"
    recall = "0.953 [0.928, 0.969] on Alpaca, Dolly and Code Alpaca with defects put in"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a row; the copy is the evidence."""
        response, instruction, given = (
            _plain(pl.col(name)) for name in ("response", "instruction", "input")
        )
        is_instruction = (response == instruction) & (instruction.str.len_bytes() > 0)
        # A program begins with its task in quotation marks or as a comment.
        whole = pl.col("response").str.strip_chars()
        echoes = (instruction.str.len_chars() >= LEAST_ECHO) & whole.str.starts_with(instruction)
        words, picks = given.str.count_matches(r"\S+"), instruction.str.contains(PICKS)
        is_input = (
            (response == given)
            & (words >= pl.when(picks).then(LEAST_PICKED).otherwise(LEAST_WORDS))
            & ~instruction.str.contains(MAY_STAY)
        )
        same = batch.rows.filter(is_instruction | echoes | is_input)
        said = (
            pl.when(is_instruction)
            .then(pl.lit("the response is the instruction"))
            .when(echoes)
            .then(pl.lit("the response begins with the instruction"))
            .otherwise(pl.lit("the response is the input"))
        )
        copied = pl.when(echoes).then(instruction).otherwise(pl.col("response"))
        length = copied.str.len_chars()
        return found(same, said, field="response_field", start=pl.lit(0), end=length)
