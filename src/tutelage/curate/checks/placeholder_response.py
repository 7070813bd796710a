"""Responses that stand in for one: "TODO", "N/A", "<noinput>", dots, a bare number for a text.

In Alpaca one response in 1,200 is such. A short answer that the prompt offers ("say N/A if …") or
could call for (a symbol, a word, a result) is none.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import found

LONGEST = 80
"""Characters of the longest placeholder."""

STANDS_IN = (
    r"(?i)\A[\s\[(<{\"'*_-]*(?:n/?a|n\.a\.|nan|null|nil|none|undefined|todo|to ?do|tbd|tba"
    r"|tbc|fixme|xxx+"
    r"|placeholder|no ?(?:output|input|answer|response|content|text|data)(?: (?:available"
    r"|provided|given|"
    r"required|needed|necessary))?|not (?:applicable|available|provided)|output|answer"
    r"|response|empty"
    r"|(?:your|insert|enter|add|write|type|put)(?: (?:your|the|an?))? (?:answer|response"
    r"|output|text)"
    r"(?: here| goes here)?|(?:answer|response|output|text) (?:goes )?here|(?:to be|will be) "
    r"(?:added|"
    r"determined|filled|completed|written|provided)(?: later| in)?|coming soon|lorem ipsum[^\n]*"
    r"|test|asdf\w*|foo|see above|same as above|as above|ditto|blank|error|deleted|removed)"
    r"[\s\])>}\"'*_.:!-]*\z"
)
MARKS = r"\A[\s.…·\-–—_*~=?#]{1,}\z"
NUMBER = r"\A\s*[-+]?\d+(?:[.,]\d+)?\s*\z"
WRITES = (
    r"(?i)\A\W*(?:please |can you |could you )?(?:write|compose|describe|explain|summari[sz]e"
    r"|rewrite"
    r"|paraphrase|draft|discuss|elaborate|tell (?:me )?(?:a|about)|outline|translate)(?-u:\b)"
)
COUNTS = (
    r"(?i)(?-u:\b)(?:numbers?|digits?|how many|count|equation|expression|value|integer|sum"
    r"|code|function"
    r"|program|query|percent|scale|score|rate|rating|year|age|decimal|fraction|root|numeral"
    r"|results?)"
    r"(?-u:\b)"
)
OFFERED = (
    r"(?i)(?-u:\b)(?:none|n/?a|null|nan|undefined|no (?:answer|output|input|response)|empty"
    r"|error|not applicable"
    r"|placeholder|test|lorem|output|symbol|punctuation|emoticon|morse|character|blank|ascii"
    r"|true|which"
    r"|classif|yes|what|code|print|python|javascript|sql|type|redact|mask|censor|opposite"
    r"|synonym|antonym|word)(?-u:\b|\w)"
)


@CHECKS.register("placeholder_response")
class PlaceholderResponse(Check):
    """A response that stands in for one."""

    severity = "error"
    title = "Response is a placeholder"
    suggestion = "Write a response, or drop the row."

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a row; the response is the evidence."""
        response, prompt = pl.col("response"), pl.col("instruction")
        short = batch.rows.filter(response.str.len_bytes() <= LONGEST)
        certain = response.str.contains(
            r"(?i)\A\W*(?:todo|tbd|fixme|no ?input|lorem|nan|placeholder)\W*\z"
        )
        offered = (prompt + pl.lit("\n") + pl.col("input")).str.contains(OFFERED)
        stands_in = (response.str.contains(STANDS_IN) | response.str.contains(MARKS)) & ~offered
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
            short.filter(
                stands_in | is_number | (certain & ~prompt.str.contains(r"(?i)placeholder|lorem"))
            ),
            said,
            field="response_field",
            start=pl.lit(0),
            end=length,
        )
