"""Demands on style that cannot hold together: a formal and casual letter, brief and in full detail.

Pairs of opposites that stand near each other; alternatives ("formal or informal"), comparisons and
conversions ("from past to present tense") ask for one at a time. Demands that can be counted, such
as lengths, are judged by `contradictory_constraints`.
"""

from __future__ import annotations

import re

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import found, none

OPPOSITES: tuple[tuple[str, str], ...] = (
    (r"formal(?:ly)?", r"informal(?:ly)?|casual(?:ly)?|slang|colloquial(?:ly)?|chatty"),
    (
        r"be (?:very )?(?:brief|concise)|(?:keep it|be) (?:very )?(?:short|brief)|one[- ]word"
        r"|(?:a single|one) (?:word|sentence)|very (?:short|brief)",
        r"(?:full|great|much|extensive|exhaustive|every|more) detail|at (?:great )?length|in depth"
        r"|exhaustive(?:ly)?|as (?:long|detailed) as possible"
        r"|(?:long|full|in-depth|detailed) (?:essay|report|article|analysis|explanation|answer)",
    ),
    (r"serious(?:ly)?|solemn(?:ly)?|earnest(?:ly)?", r"humou?rous(?:ly)?|funny|comical|silly"),
    (r"first[- ]person", r"third[- ]person"),
    (r"past tense", r"(?:present|future)(?: tense)?"),
    (r"(?:in|as) prose", r"(?:in|as) verse|as a poem|rhym(?:e|es|ed|ing)"),
    (r"ascending", r"descending"),
    (r"optimistic(?:ally)?", r"pessimistic(?:ally)?"),
    (
        r"neutral(?:ly)?|objective(?:ly)?|impartial(?:ly)?|unbiased|without (?:any )?opinions?",
        r"(?:your|a strong|your own|personal) opinion|take a (?:strong |clear )?side|take sides"
        r"|strongly (?:argue|support|oppose)",
    ),
    (
        r"simple (?:words|language|terms)|plain (?:words|language)",
        r"technical jargon|highly technical|academic (?:vocabulary|language|jargon)",
    ),
    (
        r"(?:do not|don't|without|no|avoid) (?:\w+ ){0,2}examples?",
        r"(?:include|give|add|with|provide|use) (?:several |many |some |two |three "
        r"|a few )?examples",
    ),
    (
        r"(?:do not|don't|without|no|avoid) (?:\w+ ){0,2}(?:numbers|figures|statistics)",
        r"(?:exact|precise) (?:figures|numbers)|include (?:figures|statistics|numbers)",
    ),
    (
        r"(?:do not|don't|without|no|avoid) (?:\w+ ){0,2}(?:bullets?|bullet points?|lists?)",
        r"bulleted list|(?:as|in|with|use) (?:a )?(?:bullet points?|list)",
    ),
    (
        r"only in english|in english only",
        r"(?:answer|reply|respond|write) in (?:french|german|spanish)",
    ),
    (r"british (?:english|spelling)", r"american (?:english|spelling)"),
)
"""Patterns of demands, of which one at most can be met."""

ALTERNATIVES = re.compile(
    r"(?i)\b(?:or|either|versus|vs|to|into|between|than|instead|rather|first|then|whether|other"
    r"|both"
    r"|difference|from|half)\b|/"
)
"""Words between two demands that ask for one at a time."""
APART = re.compile(r"(?i)\b(?:or|either|instead|rather|first|then|other|half|second)\b")
"""The same where a sentence ends between them."""
JUDGED = re.compile(
    r"(?i)\b(?:from|between|either|compar\w+|contrast|classify|categori[sz]e|identify|determine"
    r"|difference\w*|convert|whether|balance|mix|blend|combin\w+|turn|transform|change)\b[^.?!]*$"
)
"""Words before two demands that make them things to be told apart, or one made the other."""


FARTHEST = 100
LONGEST = 8000
ANY = rf"(?i)\b(?:{'|'.join(one for one, _ in OPPOSITES)})\b"
PATTERNS = [tuple(re.compile(rf"(?i)\b(?:{each})\b") for each in pair) for pair in OPPOSITES]


@CHECKS.register("contradictory_demands")
class ContradictoryDemands(Check):
    """Two demands on one response that exclude each other."""

    title = "Demands contradict each other"
    suggestion = "Keep one of the two demands."
    precision = "1.000 [0.980, 1.000] on Alpaca with demands of ours added"
    recall = "1.000 [0.980, 1.000] on demands of ours"

    def find(self, batch: Batch) -> pl.DataFrame:
        """Instructions with both of a pair, where they are not alternatives."""
        text = pl.col("instruction")
        hits = []
        rows = batch.rows.filter((text.str.len_bytes() <= LONGEST) & text.str.contains(ANY))
        for one, other in PATTERNS:
            both = rows.filter(text.str.contains(one.pattern) & text.str.contains(other.pattern))
            for at, field, instruction in both.select(
                "at", "instruction_field", "instruction"
            ).iter_rows():
                span = _clash(instruction, one, other)
                if span:
                    hits.append((at, field, *span))
        if not hits:
            return none()
        table = pl.DataFrame(hits, schema=["at", "field", "start", "end", "says"], orient="row")
        table = table.unique("at", keep="first", maintain_order=True)
        return found(table, pl.col("says"), start=pl.col("start"), end=pl.col("end"))


def _clash(text: str, one: re.Pattern[str], other: re.Pattern[str]) -> tuple[int, int, str] | None:
    """Where two demands stand that are both made of the response."""
    pairs = [
        (first, second)
        for first in one.finditer(text)
        for second in other.finditer(text)
        if first.end() <= second.start() or second.end() <= first.start()
    ]
    if not pairs:
        return None
    first, second = sorted(pairs[0], key=lambda match: match.start())
    between = text[first.end() : second.start()]
    if len(between) > FARTHEST:
        return None
    if JUDGED.search(text[: first.start()]):
        return None
    if (APART if re.search(r"[.!?]\s", between) else ALTERNATIVES).search(between):
        return None
    return first.start(), second.end(), f"`{first[0]}` and `{second[0]}` exclude each other"
