"""Rows that say of a whole group what it is by nature: "women are emotional".

Only the bare generalisation is looked for (a group's plural, then a trait or claim), and not where
the sentence denies or discusses it, so that what is found is clear and much is not found: of
stereotypes put as stories about one person nothing is (see docs/checks/safety.md for what was
measured on CrowS-Pairs).
"""

from __future__ import annotations

import re
from functools import cache

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.bias.groups import plurals
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import FOUND
from tutelage.curate.words import any_of, sections

DISCUSSED = re.compile(
    r"(?i)\b(?:not|n't|n’t|myth|stereotyp\w*|prejudic\w*|bias\w*|wrong|false|untrue|unfair"
    r"|claims?|claimed"
    r"|believed|racist|sexist|discriminat\w*|misconception|assum\w+|some|a few|these|those|if"
    r"|when|whether|why)\b"
)


@cache
def claim() -> str:
    """The generalisation, for Python and for Rust's regex crate alike."""
    words = sections("stereotype")
    often = (
        "all|always|never|just|naturally|inherently|generally|usually|often|mostly|too|so|very"
        "|more|less|the most"
        "|such|simply|typically|known to be|known for being|only|really|better|worse|smarter"
        "|biologically|by nature"
    )
    return (
        rf"\b(?:{plurals()}) (?:(?:are|were|tend to be|can be|seem) (?:(?:{often}) ){{0,3}}"
        rf"(?:{any_of(words['traits'])})|(?:(?:always|just|all|often|usually"
        rf"|never) )?(?:{any_of(words['claims'])}))\b"
    )


@CHECKS.register("stereotype")
class Stereotype(Check):
    """A whole group of people is said to be something."""

    severity = "info"
    title = "Stereotype"
    suggestion = (
        "Say it of the people it is true of, or drop the row, unless it is there to be refuted."
    )

    def find(self, batch: Batch) -> pl.DataFrame:
        """The first such claim of each text."""
        sieve = "(?i)" + claim().replace(r"\b", r"(?-u:\b)")
        passed = batch.texts.filter(pl.col("text").str.contains(sieve))
        lines = []
        for at, field, text in passed.select("at", "field", "text").iter_rows():
            for match in re.finditer(claim(), text, re.IGNORECASE):
                if not DISCUSSED.search(_sentence_before(text, match.start())):
                    lines.append((at, field, *match.span(), None, f'"{match[0]}"', None))
                    break
        return pl.DataFrame(lines, schema=FOUND, orient="row")


def _sentence_before(text: str, end: int) -> str:
    """What stands before a place in its sentence."""
    start = max(text.rfind(mark, 0, end) for mark in ".!?\n")
    return text[start + 1 : end]
