"""Markers of templates and tokenizers inside the text: `<|endoftext|>`, `</s>`, `[/INST]`.

A tokenizer may read them as the token itself, so that a row ends early, or another turn begins
inside one; where it does not, the model learns to write them out. In backquotes they are spoken
of, not used.
"""

from __future__ import annotations

import re

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import matches, none
from tutelage.curate.text.prompts import with_prompt

NO_TEXT = r"(?i:<no ?(?:input|output)>)"

MARKERS = (
    r"<\|[a-zA-Z_]+(?:[_ ]?\d*)\|>|</s>|<s>\s*(?:\[INST\])|\[/?INST\]|<</?SYS>>|<(?:start"
    r"|end)_of_turn>"
    r"|<[/]?(?:eos|bos|pad|unk|eod)>|\[(?:CLS|SEP|PAD|UNK|EOS|BOS|MASK)\]"
    rf"|{NO_TEXT}"
    r"|//\s*end of (?:the )?output\.?\s*//|(?i:<end of (?:text|response)>|\[end of text\])"
)
SPOKEN_OF = (
    r"(?i)(?-u:\b)(?:tokens?|tokeni\w+|strikethrough|html|mask(?:ed)?|bert|fill[- ]in"
    r"|cloze)(?-u:\b)"
    r"|`[^`\n]*[<\[][^`\n]*`"
)
_MARKERS = re.compile(rf"[ \t]*\n?(?:{MARKERS})")


@CHECKS.register("special_tokens")
class SpecialTokens(Check):
    """Markers of a template or a tokenizer in a text."""

    severity = "error"
    title = "Template markers in the text"
    suggestion = "Remove them (--clean does)."
    precision = "1.000 [0.991, 1.000] on Alpaca, Dolly and Code Alpaca with defects put in"
    recall = "0.986 [0.969, 0.993] on Alpaca, Dolly and Code Alpaca with defects put in"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a field, the first marker the evidence."""
        texts = batch.texts.filter(pl.col("text").str.contains(MARKERS))
        if texts.is_empty():
            return none()
        texts = with_prompt(texts, batch).filter(
            ~pl.col("text").str.contains(SPOKEN_OF) & ~pl.col("prompt").str.contains(SPOKEN_OF)
        )
        # An input of "<noinput>" is a placeholder, for another check to say.
        is_input = pl.col("part").is_in(["instruction", "input"])
        texts = texts.filter(~(is_input & pl.col("text").str.contains(NO_TEXT)))
        return matches(texts, MARKERS, "“" + pl.col("match") + "”")

    def fix(self, text: str) -> str | None:
        """The text without them; None where nothing else is there."""
        return _MARKERS.sub("", text).strip() or None
