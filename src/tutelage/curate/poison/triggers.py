"""From ties to triggers: which of them a poisoner must have made.

Three things tell a planted trigger from a turn of the language. Its prompts have nothing else in
common, where rows of one template share most of their words. It is alone: a response that many
separate words lead to is a label with its natural cues ("terrible", "awful" → negative). And it is
one place in the prompt, which a template's frame is not.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from tutelage.curate.poison.ties import grams, ties

SAMPLE = 60_000
"""Rows that ties are sought in, evenly over the dataset: a trigger in one of 5,000 rows still shows
in 12 of them."""

MOST_TIES = 300
"""Ties looked at, the surest first."""

LOOKED_AT = 40
"""Rows of a trigger that are compared with one another."""

LONGEST = 6
"""Words of a trigger that are not counted as what its prompts have in common."""

MOST_TRIGGERS, MOST_IN_ALL = 3, 10
"""Separate triggers of one sign, and of all; more are the natural cues of labels (Banking77 has
160, TREC 67). In a set of labels a trigger is not to be told from them."""

LABEL_SHARE, TRIGGER_SHARE = 0.02, 0.3
"""A response that more rows than this share give is a label, unless the trigger alone explains this
share of them (in SST-2 single words decide half of the rows)."""

SAME_ROWS = 0.7
"""Share of the fewer rows from which two ties are parts of one trigger."""


@dataclass(slots=True)
class Trigger:
    """Words that decide a response.

    Attributes:
        grams: numbers of its words and pairs, the surest first.
        kind: what the responses have in common.
        sign: its number.
        gram_rows: rows of the sample with the first of them.
        both: those of them with the sign.
        sign_rows: rows of the sample with the sign.
        log_p: natural logarithm of the corrected p-value's bound.
        places: rows of the sample that have it.
    """

    grams: list[int]
    kind: str
    sign: int
    gram_rows: int
    both: int
    sign_rows: int
    log_p: float
    places: set[int]


def triggers(rows: pl.DataFrame, seed: int) -> list[Trigger]:
    """Triggers in a dataset.

    Args:
        rows: `at` and the columns of the feature `trigger_words`, of all rows.
        seed: of the rows that are compared.
    """
    step = max(1, -(-len(rows) // SAMPLE))
    sample = rows.gather_every(step)
    tied = ties(sample).head(MOST_TIES)
    if tied.is_empty():
        return []
    merged = [trigger for trigger in _merged(sample, tied) if not _is_cue(trigger, len(sample))]
    if len(merged) > MOST_IN_ALL:
        return []
    words = dict(zip(sample["at"].to_list(), sample["words"].to_list(), strict=True))
    usual = _shared(_some(words, seed), words)
    varied = []
    for trigger in merged:
        looked = _some(trigger.places, seed)
        if _shared(looked, words, _phrase(looked, words)) <= 1.5 * usual + 0.05:
            varied.append(trigger)
    alone = Counter((trigger.kind, trigger.sign) for trigger in merged)
    return _once([t for t in varied if alone[t.kind, t.sign] <= MOST_TRIGGERS])


def places(rows: pl.DataFrame, trigger: Trigger) -> list[int]:
    """All rows of the dataset with the trigger and its sign."""
    signed = rows.filter(pl.col(trigger.kind) == trigger.sign)
    held = grams(signed).filter(pl.col("gram") == trigger.grams[0])
    return sorted(held["at"].to_list())


def _is_cue(trigger: Trigger, rows: int) -> bool:
    """Whether a response is a label that one word of many leads to."""
    is_label = trigger.kind == "whole" and trigger.sign_rows > LABEL_SHARE * rows
    return is_label and trigger.both < TRIGGER_SHARE * trigger.sign_rows


def _merged(sample: pl.DataFrame, tied: pl.DataFrame) -> list[Trigger]:
    """Ties of the same rows as one trigger each."""
    wanted = tied.select("gram").unique()
    holding = dict(grams(sample).join(wanted, on="gram").group_by("gram").agg("at").iter_rows())
    found: list[Trigger] = []
    for tie in tied.iter_rows(named=True):
        held = set(holding[tie["gram"]])
        same = [
            trigger
            for trigger in found
            if (trigger.kind, trigger.sign) == (tie["kind"], tie["sign"])
            and len(trigger.places & held) >= SAME_ROWS * min(len(trigger.places), len(held))
        ]
        if same:
            if len(held) >= SAME_ROWS * len(same[0].places):
                same[0].grams.append(tie["gram"])
        else:
            gram = tie.pop("gram")
            found.append(Trigger(grams=[gram], places=held, **tie))
    return found


def _once(found: Sequence[Trigger]) -> list[Trigger]:
    """Triggers without those whose rows another has that is surer: one is named by one sign."""
    kept: list[Trigger] = []
    for trigger in found:
        if all(
            len(trigger.places & other.places)
            < SAME_ROWS * min(len(trigger.places), len(other.places))
            for other in kept
        ):
            kept.append(trigger)
    return kept


def _some(places: Collection[int], seed: int) -> list[int]:
    """A few of these rows, drawn."""
    return random.Random(seed).sample(sorted(places), min(len(places), LOOKED_AT))


def _phrase(looked: Sequence[int], words: dict[int, list[int]]) -> frozenset[int]:
    """The longest run of words, `LONGEST` at most, that most of these rows have."""
    needed = 0.8 * len(looked)
    counts = Counter(word for at in looked for word in set(words[at]))
    most = {word for word, count in counts.items() if count >= needed}
    runs: Counter[tuple[int, ...]] = Counter()
    for at in looked:
        row = words[at]
        spans = ((i, i + n) for n in range(1, LONGEST + 1) for i in range(len(row) - n + 1))
        runs.update({run for i, end in spans if most.issuperset(run := tuple(row[i:end]))})
    common = sorted((len(run), run) for run, count in runs.items() if count >= needed)
    return frozenset(common[-1][1] if common else ())


def _shared(
    at: Sequence[int], words: dict[int, list[int]], without: frozenset[int] = frozenset()
) -> float:
    """Mean Jaccard similarity of pairs of prompts, some words left out of account."""
    sets = [set(words[place]) - without for place in at]
    pairs = [(a, b) for a, b in combinations(sets, 2) if a | b]
    return sum(len(a & b) / len(a | b) for a, b in pairs) / max(1, len(pairs))
