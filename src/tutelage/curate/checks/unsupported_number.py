"""A number in a summary or an extract that is not in its source: a date or a figure copied wrongly.

Numbers of two digits and more are compared as values, so that `1,200` is `1200` and "twelve" is 12;
the difference of two years of the source (an age) is allowed, and so are rounded numbers and tasks
that calculate or invent. Worth knowing rather than wrong: people add what they know.
"""

from __future__ import annotations

import re

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import found, none

WORKS_OUT = (
    r"(?i)\b(?:calculat\w+|comput\w+|add|sum|averag\w+|mean|convert|estimat\w+|predict|generate"
    r"|create"
    r"|totals?|differen\w+|percent\w*|ratio|multipl\w+|divid\w+|solve|equation|invent|imagine|story"
    r"|code|function|program|sql|json|translate|continue|next|sort|median|adjust|compar\w+"
    r"|probability|survey|design|suggest|plan|classify|biography|math\w*|matrix|guess|mistakes?"
    r"|dataset)\b"
)
NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?!\d)")
LABEL = re.compile(r"(?m)^\s*(?:\d+[.):]|[-*•])\s+|\bstep \d+", re.IGNORECASE)
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety hundred"
WORDS = {
    **{word: float(value) for value, word in enumerate(TEENS.split(), start=10)},
    **{word: 10.0 * value for value, word in enumerate(TENS.split(), start=2)},
}
YEAR = 1000
FEWEST_WORDS = 12
MOST_NUMBERS = 500
LONGEST = 20_000


@CHECKS.register("unsupported_number")
class UnsupportedNumber(Check):
    """A number of the response that its source does not give."""

    severity = "info"
    title = "Number is not in the source"
    suggestion = "Compare the number with the input."
    precision = "0.774 [0.645, 0.865] on Dolly with a digit changed"
    recall = "0.820 [0.692, 0.902] on Dolly with a digit changed"

    def find(self, batch: Batch) -> pl.DataFrame:
        """Numbers of responses to tasks on a text that the text does not hold."""
        rows = batch.rows.filter(
            (pl.col("response").str.len_bytes() <= LONGEST)
            & pl.col("response").str.contains(r"\d\d|\d\.\d")
            & pl.col("input").str.contains(r"\d")
            & (pl.col("input").str.count_matches(r"\s+") >= FEWEST_WORDS)
            & ~pl.col("instruction").str.contains(WORKS_OUT)
        )
        hits = []
        for at, field, *texts in rows.select(
            "at", "response_field", "response", "instruction", "input"
        ).iter_rows():
            number = _strange(texts[0], "\n".join(texts[1:]))
            if number:
                hits.append((at, field, number.start(), number.end(), number[0]))
        if not hits:
            return none()
        table = pl.DataFrame(hits, schema=["at", "field", "start", "end", "number"], orient="row")
        detail = pl.format("{} is not in the input", pl.col("number"))
        return found(table, detail, start=pl.col("start"), end=pl.col("end"))


def _strange(response: str, source: str) -> re.Match[str] | None:
    """The first number of a response that neither stands in its source nor follows from it."""
    given = {_value(match[0]) for match in NUMBER.finditer(source)}
    given |= {float(digits) for digits in re.findall(r"\d+", source)}
    words = set(re.findall(r"[a-z]+", source.lower()))
    given |= {value for word, value in WORDS.items() if word in words}
    if len(given) > MOST_NUMBERS:
        return None
    labels = {match.end() for match in LABEL.finditer(response)}
    for match in NUMBER.finditer(response):
        value = _value(match[0])
        is_label = any(match.start() < end <= match.end() + 2 for end in labels)
        if is_label or (value < 10 and value == int(value)) or _follows(value, given):
            continue
        return match
    return None


def _follows(value: float, given: set[float]) -> bool:
    """Whether a value is given, rounded from one, or the sum or difference of two."""
    if value in given:
        return True
    for one in given:
        if any(abs(one / scale - value) < 0.5 and one > scale for scale in (1e3, 1e6, 1e9)):
            return True
        if one != int(one) and abs(one - value) < 1:
            return True
        # An age or a duration: the difference of two years.
        if value < YEAR <= one and (one + value in given or one + value - 1 in given):
            return True
    return False


def _value(text: str) -> float:
    return float(text.replace(",", ""))
