"""Responses that give the prompt back: the instruction, its input, or the instruction first.

Compared in columns, without space and quotation marks at the ends; an input is compared with its
case, since changing case may be the task. Tasks whose right answer may be the text itself (correct,
sort, find, insert …) are left alone, and so is an input of a few words that an answer picks.
Programs rightly begin with their task as a comment.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import found
from tutelage.curate.text.forms import is_code

MAY_STAY = (
    r"(?i)(?-u:\b)(?:correct|fix|edit|proof|gramma|spell|punctuat|insert|add|remove|delete"
    r"|copy|repeat"
    r"|echo|return|same|sort|order|arrange|print|output the|unchanged|if (?:necessary|needed)|which"
    r"|identify|find|extract|select|pick|choose|detect|debug|convert|transliterat|quote"
    r"|recite|match"
    r"|minimi|simplif|reduc|format|expression|clean)"
)
LEAST_WORDS = 4
"""Words from which an input that comes back is a copy."""

LEAST_ECHO = 30
"""Characters from which an instruction that stands before the answer is an echo."""


def _plain(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars(" \t\r\n.?!\"'`")


@CHECKS.register("copy_of_prompt")
class CopyOfPrompt(Check):
    """A response that is its prompt, or begins with it."""

    severity = "warning"
    title = "Response copies the prompt"
    suggestion = "Answer the instruction, or drop the row."

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a row; the copy is the evidence."""
        response, instruction, given = (
            _plain(pl.col(name)) for name in ("response", "instruction", "input")
        )
        lower = instruction.str.to_lowercase()
        is_instruction = (response.str.to_lowercase() == lower) & (lower.str.len_bytes() > 0)
        echoes = (instruction.str.len_chars() >= LEAST_ECHO) & response.str.starts_with(instruction)
        is_input = (response == given) & (given.str.count_matches(r"\S+") >= LEAST_WORDS)
        may_stay = pl.col("instruction").str.contains(MAY_STAY)
        same = batch.rows.filter(is_instruction | echoes | (is_input & ~may_stay))
        same = same.filter(is_instruction | is_input | ~is_code(pl.col("response")))
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
