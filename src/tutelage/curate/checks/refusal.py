"""Refusals and what assistants say of themselves.

A refusal without a reason teaches a model to refuse ("I'm sorry, but I can't help with that" in
answer to a recipe); one with a reason is what a model should learn, so that the two are two checks.
A reason is a request that would harm somebody, one for what the prompt does not hold (a picture, a
file), or one for what a model cannot know or do (today's news, other people's private data). "As an
AI language model" is boilerplate where nobody asked what answers.

Refusals are told by their first sentence. Whether a request is harmful is judged by words alone
here, which is as good as words are: the measured figures are in docs/checks/form.md.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import found, matches, none
from tutelage.curate.text.prompts import with_prompt
from tutelage.curate.text.refusals import (
    ASKS_TO_JUDGE,
    ASKS_WHAT_ANSWERS,
    HARM,
    HARMLESS,
    JUDGES,
    OF_ITSELF,
    OUT_OF_REACH,
    PRIVATE,
    REFUSES,
    SEVERE,
    SPEAKS_FOR_ANOTHER,
    TOLD,
)

CONSIDERED = 400
"""Characters of a response in which a refusal is looked for."""


def _refusals(batch: Batch) -> pl.DataFrame:
    """Rows of refusals, with the length of the evidence and whether their prompt gives a reason."""
    start = pl.col("response").str.slice(0, CONSIDERED)
    rows = batch.rows.filter(start.str.contains(REFUSES))
    if rows.is_empty():
        return rows
    prompt = pl.concat_str("history", "instruction", "input", separator="\n")
    instruction = pl.col("instruction")
    hurts = prompt.str.contains(HARM) | prompt.str.contains(PRIVATE)
    severe = instruction.str.contains(SEVERE) & ~instruction.str.contains(TOLD)
    harm = (hurts & ~instruction.str.contains(HARMLESS)) | severe
    reason = harm | instruction.str.contains(OUT_OF_REACH)
    another = prompt.str.contains(SPEAKS_FOR_ANOTHER) | (
        start.str.contains(JUDGES) & prompt.str.contains(ASKS_TO_JUDGE)
    )
    return rows.filter(~another | harm).with_columns(
        reason.alias("reason"),
        start.str.extract(r"(?s)\A(\W*[^.!?\n]*)", 1).str.len_chars().alias("end"),
    )


@CHECKS.register("refusal")
class Refusal(Check):
    """A refusal of a request that gives no reason to refuse."""

    severity = "warning"
    title = "Refusal without a reason"
    suggestion = "Answer the request, or drop the row."
    precision = (
        "1.000 [0.991, 1.000] on Alpaca, Dolly and Code Alpaca with defects put in; 0.648 on XSTest"
    )
    recall = (
        "0.979 [0.960, 0.989] on Alpaca, Dolly and Code Alpaca with defects put in; 0.740 on XSTest"
    )

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a row, the first sentence the evidence."""
        rows = _refusals(batch)
        if rows.is_empty():
            return none()
        return found(
            rows.filter(~pl.col("reason")),
            "refuses what nothing in the prompt speaks against",
            field="response_field",
            start=pl.lit(0),
            end=pl.col("end"),
        )


@CHECKS.register("deserved_refusal")
class DeservedRefusal(Check):
    """A refusal of what would harm, or cannot be known or done."""

    severity = "info"
    title = "Refusal with a reason"
    suggestion = "Keep it if the model should refuse this; see that such rows are not many."
    precision = "0.974 [0.945, 0.988] on AdvBench and Alpaca; 0.587 on XSTest"
    recall = "0.865 [0.819, 0.902] on AdvBench and Alpaca; 0.463 on XSTest"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a row, the first sentence the evidence."""
        rows = _refusals(batch)
        if rows.is_empty():
            return none()
        return found(
            rows.filter("reason"),
            "refuses, and the prompt gives a reason",
            field="response_field",
            start=pl.lit(0),
            end=pl.col("end"),
        )


@CHECKS.register("ai_boilerplate")
class AiBoilerplate(Check):
    """ "As an AI language model", a knowledge cutoff, or a maker, where nobody asked."""

    severity = "warning"
    title = "“As an AI” boilerplate"
    suggestion = "Cut the phrase; answer as the assistant that you train should."
    precision = "1.000 [0.991, 1.000] on Alpaca, Dolly and Code Alpaca with defects put in"
    recall = "0.993 [0.979, 0.998] on Alpaca, Dolly and Code Alpaca with defects put in"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a response, the phrase the evidence."""
        texts = batch.of("response").filter(pl.col("text").str.contains(OF_ITSELF))
        if texts.is_empty():
            return none()
        asked = pl.col("prompt").str.contains(ASKS_WHAT_ANSWERS)
        unasked = with_prompt(texts, batch).filter(~asked)
        return matches(unasked, OF_ITSELF, "speaks of itself where nobody asked")
