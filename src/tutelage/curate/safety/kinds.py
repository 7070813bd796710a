"""Kinds of things with a fixed form (an e-mail address, an access key) and where texts hold them.

Two steps, because a million rows leave two seconds: a sieve that the Rust regex crate runs over all
texts, and Python's richer patterns and checksums on the few that pass. A judge then says whether a
match is real or an example that documentation uses (`example.com`, card 4111 1111 1111 1111).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Literal, NamedTuple

import polars as pl

Verdict = Literal["real", "example", "none"]

AT_MOST = 20
"""Findings of one text: a list of a thousand addresses is one defect, not a thousand."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Something with a fixed form.

    Attributes:
        name: as a person calls it, such as `e-mail address`.
        label: what stands in its place when it is taken out, such as `EMAIL`.
        sieve: pattern of Rust's regex crate that every text with a match of `pattern` matches; in
            ASCII classes, as Unicode's make it five times slower.
        pattern: what a match looks like; the group `value`, where there is one, is its span.
        judge: whether a match is one.
    """

    name: str
    label: str
    sieve: str
    pattern: re.Pattern[str]
    judge: Callable[[re.Match[str]], Verdict]


LOCATED = {
    "at": pl.UInt32,
    "field": pl.String,
    "start": pl.UInt32,
    "end": pl.UInt32,
    "kind": pl.String,
}
"""Columns of `locate`."""


class Hit(NamedTuple):
    """A match that its kind's judge did not reject."""

    kind: Kind
    start: int
    end: int
    verdict: Verdict


def hits(text: str, kinds: Sequence[Kind]) -> list[Hit]:
    """Matches in a text, in order; where two overlap, the kind named first wins."""
    taken: list[Hit] = []
    for kind in kinds:
        for hit in _hits_of(text, kind):
            if all(hit.end <= other.start or other.end <= hit.start for other in taken):
                taken.append(hit)
    return sorted(taken, key=lambda hit: hit.start)


def _hits_of(text: str, kind: Kind) -> Iterator[Hit]:
    for match in kind.pattern.finditer(text):
        verdict = kind.judge(match)
        if verdict != "none":
            start, end = match.span("value" if "value" in kind.pattern.groupindex else 0)
            yield Hit(kind, start, end, verdict)


def locate(texts: pl.DataFrame, kinds: Sequence[Kind], verdict: Verdict) -> pl.DataFrame:
    """Where texts hold these kinds.

    Args:
        texts: lines with `at`, `field`, `text`.
        kinds: those looked for.
        verdict: matches of this verdict are given.

    Returns:
        One line a match: `at`, `field`, `start`, `end` (in characters), `kind` (its name).
    """
    passed = _sieved(texts, kinds)
    masks = passed.select(
        pl.col("text").str.contains(kind.sieve).alias(str(number))
        for number, kind in enumerate(kinds)
    ).rows()
    lines = []
    rows = passed.select("at", "field", "text").iter_rows()
    for (at, field, text), mask in zip(rows, masks, strict=True):
        chosen = [hit for hit in hits(text, list(compress(kinds, mask))) if hit.verdict == verdict]
        lines += [(at, field, hit.start, hit.end, hit.kind.name) for hit in chosen[:AT_MOST]]
    return pl.DataFrame(
        lines,
        schema=LOCATED,
        orient="row",
    )


def _sieved(texts: pl.DataFrame, kinds: Sequence[Kind]) -> pl.DataFrame:
    """Lines that hold a kind, or nearly so."""
    sieve = "|".join(f"(?:{kind.sieve})" for kind in kinds)
    return texts.filter(pl.col("text").str.contains(sieve))


def redacted(text: str, kinds: Sequence[Kind]) -> str | None:
    """The text with each real match replaced by its label, as `[EMAIL]`; None if it has none."""
    real = [hit for hit in hits(text, kinds) if hit.verdict == "real"]
    for hit in reversed(real):
        text = f"{text[: hit.start]}[{hit.kind.label}]{text[hit.end :]}"
    return text if real else None
