"""Responses that stand in for one: "TODO", "N/A", "<noinput>", dots, a bare number for a text.

In Alpaca one response in 1,200 is such. A short answer that the prompt offers ("say N/A if …") or
could call for (a symbol, a word, a result) is none.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.clarity.wording import PLACEHOLDER
from tutelage.curate.findings import found

LONGEST = 80
"""Characters of the longest placeholder."""

SURELY = (
    r"(?i)\A[\s\[(<{\"'*_-]*(?:todo|tbd|tba|tbc|fixme|xxx+|placeholder|n\.a\.|asdf\w*|foo ?bar"
    r"|no ?(?:output|input|response|content)(?: (?:available|provided|given|required|needed))?"
    r"|output|response|answer|(?:your|insert|enter|add|write|type|put)(?: (?:your|the|an?))?"
    r" (?:answer|response|output|text)(?: here| goes here)?|(?:answer|response|output|text)"
    r" (?:goes )?here|(?:to be|will be) (?:added|determined|filled|completed|written|provided)"
    r"(?: later| in)?|coming soon|lorem ipsum[^\n]*|see above|same as above|as above)"
    r"[\s\])>}\"'*_.:!-]*\z|\A[\s.…·\-–—_~?]+\z"
)
PERHAPS = (
    r"(?i)\A[\s\[(<{\"'*_-]*(?:n/?a|nan|null|nil|none|undefined|to do|not (?:applicable|available"
    r"|provided)|no (?:answer|text|data)|empty|test|ditto|blank|error|deleted|removed)"
    r"[\s\])>}\"'*_.:!-]*\z|\A[\s*=#]+\z"
)
NUMBER = r"\A\s*[-+]?\d+(?:[.,]\d+)?\s*\z"
WRITES = (
    r"(?i)\A\W*(?:please |can you |could you )?(?:write|compose|describe|explain|summari[sz]e"
    r"|rewrite|reword|generate|suggest|edit|paraphrase|draft|discuss|elaborate|tell (?:me "
    r")?(?:a|about)|outline|translate)(?-u:\b)"
)
COUNTS = (
    r"(?i)(?-u:\b)(?:numbers?|digits?|how many|count|equation|expression|value|integer|sum"
    r"|code|function"
    r"|program|query|percent|scale|score|rate|rating|year|age|decimal|fraction|root|numeral"
    r"|results?)"
    r"(?-u:\b)"
)
SPEAKS_OF_IT = (
    r"(?i)(?-u:\b)(?:placeholder|lorem|todo|no (?:output|input|response)|symbol|punctuation"
    r"|mark|sign"
    r"|emot?icon|morse|characters?|redact|mask|censor|ascii|ellipsis|dots?|dash|blanks?)(?-u:\b)"
)
MAY_CALL_FOR_IT = (
    r"(?i)(?-u:\b)(?:none|n/?a|null|nan|undefined|empty|error|not applicable|identify|find|extract"
    r"|classif\w*|which|is there|are there|true|code|print\w*|python|javascript|sql|output"
    r"|return\w*"
    r"|value|variable|type|operator|equation|one word|single word|opposite|synonym|antonym"
    r"|detect|list any|any)(?-u:\b)"
)


@CHECKS.register("placeholder_response")
class PlaceholderResponse(Check):
    """A response that stands in for one."""

    severity = "error"
    title = "Response is a placeholder"
    suggestion = "Write a response, or drop the row."
    precision = "0.997 [0.986, 1.000] on Alpaca, Dolly and Code Alpaca with defects put in"
    recall = "0.922 [0.892, 0.944] on Alpaca, Dolly and Code Alpaca with defects put in"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a row; the response is the evidence."""
        response, prompt = pl.col("response"), pl.col("instruction")
        short = batch.rows.filter(response.str.len_bytes() <= LONGEST)
        surely = response.str.contains(SURELY) & ~prompt.str.contains(SPEAKS_OF_IT)
        given = pl.col("input")
        # An input that stands for none calls for nothing.
        empty = given.str.strip_chars().str.contains(PLACEHOLDER)
        asked = prompt + pl.lit("\n") + pl.when(empty).then(pl.lit("")).otherwise(given)
        called_for = asked.str.contains(MAY_CALL_FOR_IT) & ~prompt.str.contains(WRITES)
        perhaps = response.str.contains(PERHAPS) & ~prompt.str.contains(SPEAKS_OF_IT) & ~called_for
        is_number = (
            response.str.contains(NUMBER)
            & prompt.str.contains(WRITES)
            & ~prompt.str.contains(COUNTS)
        )
        said = (
            pl.when(is_number)
            .then(pl.lit("a bare number where a text is asked for"))
            .otherwise(pl.lit("stands in for a response"))
        )
        length = response.str.len_chars()
        return found(
            short.filter(surely | perhaps | is_number),
            said,
            field="response_field",
            start=pl.lit(0),
            end=length,
        )
