"""Responses that go round in circles: words, phrases, sentences or lines said over and over.

Looping is how a weak generator fails, and a model tuned on loops loops. A text is a candidate when
a piece of it (16 characters, taken at three places) stands in it three times, which costs no split
into words; candidates, about 1 % of rows, are looked at word by word. Two things are found: the
same run of words several times on end, and a text of which half the words stand in 4-grams that it
has said before (the measure and limit of Rae et al. 2021, section A.1.1, taken over words). Code,
tables, and answers to prompts that ask for repetition repeat rightly, and so does verse.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import numpy as np
import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import FOUND, none
from tutelage.curate.text.forms import REPETITION_ASKED, VERSE_ASKED, is_code, is_verse
from tutelage.curate.text.prompts import with_prompt

PROBE = 16
"""Characters of a piece that is searched for in its own text."""

PROBES = (0.33, 0.67, 1.0)
"""Where the pieces are taken from, as shares of the text."""

LONGEST_PERIOD = 60
"""Words of the longest unit whose repetition on end is looked for."""

LEAST_TIMES = 4
"""Times on end from which a run is a loop (a word by itself: two more; long units: one fewer)."""

ENDLESS = 8
"""Times on end from which verse is a loop as well."""

LEAST_WORDS = 40
"""Words of a text whose share of repeated 4-grams says something."""

SHARE = 0.5
"""Share of words in repeated 4-grams from which a text is repetitive."""

_WORD = re.compile(r"\w+")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]|\w+?(?=[\u3040-\u9fff])|\w+")


class Loop(NamedTuple):
    """Where and how a text repeats itself."""

    start: int
    end: int
    times: int
    detail: str
    score: float


@CHECKS.register("repetition")
class Repetition(Check):
    """A response that says the same again and again."""

    severity = "warning"
    title = "Response repeats itself"
    suggestion = "Keep the first time and cut the rest, or drop the row."
    precision = "0.998 [0.986, 1.000] on Alpaca, Dolly and Code Alpaca with defects put in"
    recall = "0.976 [0.957, 0.987] on Alpaca, Dolly and Code Alpaca with defects put in"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a response, the repeated stretch the evidence."""
        text = pl.col("text")
        texts = batch.of("response").filter(text.str.len_bytes() > 2 * PROBE)
        hits = texts.filter(pl.any_horizontal(_stands_thrice(text, at) for at in PROBES))
        if hits.is_empty():
            return none()
        hits = with_prompt(hits.filter(~is_code(text)), batch)
        hits = hits.filter(~pl.col("prompt").str.contains(REPETITION_ASKED)).with_columns(
            (is_verse(text) | pl.col("prompt").str.contains(VERSE_ASKED)).alias("verse")
        )
        lines = []
        for at, field, content, verse in hits.select("at", "field", "text", "verse").iter_rows():
            loop = loop_in(content, verse)
            if loop is not None:
                lines.append((at, field, loop.start, loop.end, loop.score, loop.detail, None))
        return pl.DataFrame(lines, schema=FOUND, orient="row")


def _stands_thrice(text: pl.Expr, share: float) -> pl.Expr:
    """Whether the piece at a place of a text stands in it three times or more."""
    last = text.str.len_chars().cast(pl.Int64) - PROBE
    piece = text.str.slice((last * share).cast(pl.Int64).clip(lower_bound=0), PROBE)
    return text.str.count_matches(piece, literal=True) >= 3


def loop_in(text: str, verse: bool = False) -> Loop | None:
    """The worst repetition of a text, None where there is none to speak of.

    Args:
        text: a response.
        verse: it is a poem or a song, which repeats itself, but not without end.
    """
    spans = [match.span() for match in _WORD.finditer(text)]
    if spans and len(text) / len(spans) > 20:
        spans = [match.span() for match in _WIDE.finditer(text)]
    words = [text[start:end].lower() for start, end in spans]
    run = _run(words, spans)
    if verse:
        return run if run is not None and run.times >= ENDLESS else None
    return run or _share(words, spans)


def _run(words: list[str], spans: list[tuple[int, int]]) -> Loop | None:
    """The longest stretch made of one unit over and over, of the shortest unit that makes it."""
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(word, len(numbers)) for word in words])
    best: Loop | None = None
    for period in _periods(words):
        # Where a word is the one a period before, for at least two periods on end.
        same = np.concatenate(([False], ids[period:] == ids[:-period], [False]))
        changes = np.flatnonzero(same[1:] != same[:-1])
        firsts, lengths = changes[::2], changes[1::2] - changes[::2]
        for first, length in zip(firsts.tolist(), lengths.tolist(), strict=True):
            times = length // period + 1
            if times < LEAST_TIMES - 1 or times < _enough(words[first : first + period]):
                continue
            start, end = spans[first][0], spans[first + length + period - 1][1]
            if best is None or end - start > best.end - best.start:
                unit = " ".join(words[first : first + min(period, 12)])
                best = Loop(start, end, times, f"“{unit}” {times} times on end", 1.0)
    return best


def _periods(words: list[str]) -> list[int]:
    """Distances, in words, at which at least two words come again: a unit that is said three times
    has some word that comes again twice after its length."""
    places: dict[str, int] = {}
    gaps: Counter[int] = Counter()
    for place, word in enumerate(words):
        if word in places:
            gaps[place - places[word]] += 1
        places[word] = place
    return sorted(gap for gap, count in gaps.items() if count > 1 and gap <= LONGEST_PERIOD)


def _enough(unit: list[str]) -> int:
    """Times on end from which a unit is a loop: numbers and single letters are data."""
    if all(len(word) == 1 or word.isdigit() for word in unit):
        return 12
    if len(unit) == 1:
        return LEAST_TIMES + 2
    return LEAST_TIMES if len(unit) < 5 else LEAST_TIMES - 1


def _share(words: list[str], spans: list[tuple[int, int]]) -> Loop | None:
    """A text of which much stands in 4-grams that were there before."""
    if len(words) < LEAST_WORDS:
        return None
    seen: set[tuple[str, ...]] = set()
    again: set[int] = set()
    for place in range(len(words) - 3):
        gram = tuple(words[place : place + 4])
        if gram in seen:
            again.update(range(place, place + 4))
        seen.add(gram)
    share = len(again) / len(words)
    if share < SHARE:
        return None
    detail = f"{share:.0%} of its words repeat 4-grams that it has said before"
    return Loop(spans[min(again)][0], spans[max(again)][1], 2, detail, min(1.0, share))
