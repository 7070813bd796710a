"""Responses that stop in the middle: what a generator's length limit leaves behind.

A model tuned on them learns to stop anywhere. Six signs, each in the last lines alone: an open
bracket, dash or comma; a list marker without its item; a word that no sentence ends in ("the",
"of", "because"); and a sentence, line or item without its stop after others that have theirs. Code
has other rules (`broken_code`). A single sentence that only lacks its stop is not reported: 5 % of
the human answers of Dolly are of that kind, and complete. Nor is a list item that is cut behind a
word, which looks like any other item.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import found, none
from tutelage.curate.text.forms import is_code

SHORTEST = 30
"""Characters below which a response is a word, a name or a title."""

SHOWN = 60
"""Characters of evidence."""

LONGEST_WORD = 300
"""Characters at the end in which an address is looked for."""

OPEN_END = r"[\p{L}\p{Nd},(\[\-–—/&]$|\n\s*\d+[.)]$|\n\s*[*•]$"
WHOLE_END = r"(?:https?://|www\.)\S*$|(?:^|\s)\p{L}+/\p{L}+$"
"""Ends that need no stop: an address, two words to choose from."""
_ITEM = r"\s*(?:[-*•]|\d+[.)])"


class Sign(NamedTuple):
    """How a text may show that it was cut off.

    Attributes:
        name: for the reader, behind "ends in".
        pattern: of the text's end.
        words: the last line has at least so many; fewer are a heading, a label or a signature.
        score: how sure it is.
    """

    name: str
    pattern: str
    words: int
    score: float


SIGNS = (
    Sign("an empty list item", rf"\n{_ITEM}$", 0, 1.0),
    Sign("an opening bracket, a dash or a comma", r"[(\[\-–—&]$|[^\n]{40},$", 0, 0.9),
    Sign(
        "a word that calls for another",
        r"[^:][\s(](?:the|an?|and|or|of|my|your|their|our|its|because|than|into|from|whose|which"
        r"|was|were"
        r"|has|had|would|should|could|at|but|such)$",
        6,
        0.9,
    ),
    Sign(
        "a sentence without its end",
        r"\p{Ll}{3}[)\"'”’]?[.!?][\"'”’)]? +[\"'“‘(]?\p{Lu}(?:[^.!?\n#|]|[.!?][^\s.!?])*$",
        0,
        0.6,
    ),
    Sign(
        "a line without its end, after finished ones",
        r"\p{Ll}{3}[)\"'”’]?[.!?][\"'”’)]?\s*\n\s*\p{Lu}\p{Ll}+,? \p{Ll}[^.!?\n#@:|]*$",
        6,
        0.6,
    ),
    Sign(
        "an item without its end, after finished ones",
        rf"(?:(?:^|\n){_ITEM}[^\n]*\p{{Ll}}\.\s*){{2}}\n{_ITEM} [^\n?]*\p{{L}}$",
        0,
        0.6,
    ),
)


@CHECKS.register("truncated_response")
class TruncatedResponse(Check):
    """A response that stops in the middle of a sentence or a list."""

    severity = "warning"
    title = "Response is cut off"
    suggestion = "Finish it, cut it back to its last whole sentence, or drop the row."
    precision = "0.936 [0.909, 0.955] on Alpaca, Dolly and Code Alpaca with defects put in"
    recall = "0.969 [0.948, 0.982] on Alpaca, Dolly and Code Alpaca with defects put in"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a response, its last characters the evidence."""
        text = pl.col("text")
        ends = batch.of("response").with_columns(text.str.strip_chars_end())
        ends = ends.filter(
            text.str.slice(-8).str.contains(OPEN_END) & (text.str.len_chars() >= SHORTEST)
        )
        ends = ends.filter(~text.str.slice(-LONGEST_WORD).str.contains(WHOLE_END))
        if ends.is_empty():
            return none()
        words = text.str.extract(r"([^\n]*)$", 1).str.count_matches(r"\S+")
        sign = pl.coalesce(
            pl.when(text.str.contains(sign.pattern) & (words >= sign.words)).then(number)
            for number, sign in enumerate(SIGNS)
        )
        cut = ends.filter(~is_code(text)).with_columns(sign.alias("sign")).drop_nulls("sign")
        length = text.str.len_chars()
        number = pl.col("sign")
        return found(
            cut,
            "ends in " + number.replace_strict({n: sign.name for n, sign in enumerate(SIGNS)}),
            start=length - pl.min_horizontal(length, SHOWN),
            end=length,
            score=number.replace_strict({n: sign.score for n, sign in enumerate(SIGNS)}),
        )
