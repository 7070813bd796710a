"""Responses that run on into another turn: "### Instruction:", "User:", "8. Input:".

A generator that was not stopped writes the next prompt itself, and a model tuned on that talks to
itself. The labels are those of the common templates, at the start of a line behind the response's
first; Alpaca itself holds remains of the numbered template it was generated with. Dialogues, and
questions with their answers, are asked for often: labels of speakers count only where the prompt
asks for neither, and "Output:" below a program is its output.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import matches, none
from tutelage.curate.text.forms import is_code
from tutelage.curate.text.prompts import with_prompt

TEMPLATE = (
    r"(?im)\n\s*#{2,4} ?(?:instructions?|user|human|assistant|system|prompt|question|input|end)"
    r"(?: \d+)?(?: ?:|[ \t]*$)"
    r"|\n\s*#{3} ?(?:response|output) ?:"
    r"|\n\s*\d+\. (?:instruction|input|output) ?:"
    r"|\n\s*<\|(?:im_start|start_header_id|user|human|system|assistant|prompter)\|>"
    r"|\n\s*\[INST\]|\n\s*<(?:start_of_turn|human|user)>"
    r"|\n\s*(?:\*\*)?(?:instruction|human|user)(?:\*\*)? ?:"
)
SPEAKER = r"(?im)\n\s*(?:\*\*)?(?:assistant|AI|bot|question|prompt|input|q)(?:\*\*)? ?:"
TALK_ASKED = (
    r"(?i)(?-u:\b)(?:dialog|conversation|chat|interview|transcript|script|scene|role-?play"
    r"|question|quiz"
    r"|q&a|q & a|faq|riddle|joke|exchange|discussion|debate|template|prompt|instruction|input|user"
    r"|human|play|skit|speaker|trivia|flash ?card|problem|puzzle|test|example|code|function"
    r"|program)"
)


@CHECKS.register("next_turn")
class NextTurn(Check):
    """A response that ends in the start of another turn."""

    severity = "error"
    title = "Response runs on into another turn"
    suggestion = "Cut the response before the label."

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a response, the label the evidence."""
        text = pl.col("text")
        texts = batch.of("response").filter(text.str.contains(f"{TEMPLATE}|{SPEAKER[5:]}"))
        if texts.is_empty():
            return none()
        texts = with_prompt(texts, batch)
        asked = pl.col("prompt").str.contains(TALK_ASKED)
        unasked = texts.filter(~asked & ~is_code(text))
        sure = texts.filter(
            ~asked
            | ~pl.col("prompt").str.contains(
                r"(?i)dialog|conversation|chat|interview|script|user|human"
            )
        )
        detail = "another turn begins"
        certain = matches(sure, TEMPLATE, detail)
        spoken = matches(unasked, SPEAKER, detail).join(certain, on=["at", "field"], how="anti")
        return pl.concat([certain, spoken])

    def fix(self, text: str) -> str | None:
        """The text up to the next turn."""
        start = pl.Series([text]).str.find(TEMPLATE)[0]
        if start is None:
            return None
        return text.encode()[:start].decode().rstrip() or None
