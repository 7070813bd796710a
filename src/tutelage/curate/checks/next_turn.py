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
from tutelage.curate.text.cut import before
from tutelage.curate.text.forms import is_code
from tutelage.curate.text.prompts import with_prompt

TEMPLATE = (
    r"\n\s*#{3,4} ?(?:instructions?|user|human|assistant|system|prompt|question|input|end)"
    r"(?: \d+)?(?: ?:|[ \t]*$)"
    r"|\n\s*#{3} ?(?:response|output) ?:|\n\s*#{2} ?(?:instruction|user|human|input|question) ?:"
    r"|\n\s*\d+\. (?:instruction|input|output) ?:|\n\s*\[INST\]"
    r"|\n\s*<\|(?:im_start|start_header_id|user|human|system|assistant|prompter)\|>"
    r"|\n\s*<(?:start_of_turn|human|user)>|\n\s*(?:\*\*)?instruction(?:\*\*)? ?:"
)
"""Labels that stand in templates alone."""

SIDES = r"(?s)\n\s*(?i:human|user) ?:.*\n\s*(?i:assistant) ?:"
"""Both sides of a chat."""

SPEAKER = (
    r"\n\s*(?:\*\*)?(?:human|user|assistant|AI|bot|question|prompt|input|q) ?:(?:\*\*)?[ \t]*\S"
)
"""Labels that stand in dialogues and lists of questions as well."""

TALK_ASKED = (
    r"(?i)(?-u:\b)(?:dialog|conversation|chat|interview|transcript|screenplay|scene|role-?play"
    r"|questions|quiz|q&a|q & a|faq|riddle|joke|exchange|discussion|debate|skit|speaker|trivia"
    r"|flash ?card|pun|users?|human|robot|input and output|instruction)"
)


@CHECKS.register("next_turn")
class NextTurn(Check):
    """A response that ends in the start of another turn."""

    severity = "error"
    title = "Response runs on into another turn"
    suggestion = "Cut the response before the label."
    precision = "1.000 [0.991, 1.000] on Alpaca, Dolly and Code Alpaca with defects put in"
    recall = "0.964 [0.942, 0.978] on Alpaca, Dolly and Code Alpaca with defects put in"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a response, the label the evidence."""
        text = pl.col("text")
        texts = batch.of("response").filter(text.str.contains(f"(?im){TEMPLATE}|{SPEAKER}"))
        if texts.is_empty():
            return none()
        texts = with_prompt(texts, batch)
        talk = pl.col("prompt").str.contains(TALK_ASKED)
        # Programs print "Input:" and ask a "Question:", but have no sides.
        one_side = text.str.contains(r"(?im)\n\s*(?:\*\*)?(?:human|user|assistant) ?:")
        unasked = texts.filter((~talk & (one_side | ~is_code(text))) | text.str.contains(SIDES))
        dialogue = pl.col("prompt").str.contains(r"(?i)dialog|conversation|chat|interview")
        certain = matches(texts, f"(?im){TEMPLATE}", "another turn begins")
        spoken = matches(unasked.filter(~dialogue), f"(?im){SPEAKER}", "another turn begins")
        return pl.concat([certain, spoken.join(certain, on=["at", "field"], how="anti")])

    def fix(self, text: str) -> str | None:
        """The text up to the next turn; labels of speakers count where no template's does."""
        for labels in (TEMPLATE, SPEAKER):
            start = pl.Series([text]).str.find(f"(?im){labels}")[0]
            if start is not None:
                return before(text, len(text.encode()[:start].decode()))
        return None
