"""What an instruction leaves open, as patterns with a weight, a reason and a hint.

Each gap is a rule over the instruction: a pattern that shows the task, one that shows the gap is
filled, how much it matters from 0 to 1, what is missing, and how to say it. A row's score is the
chance that none of its gaps is harmless, 1 - prod(1 - weight), so that reasons add up and never
pass 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from tutelage.curate.clarity.wording import CODE, MATERIAL, PICTURE, VERBS

_ASK = r"(?i)^\s*(?:please\s+|kindly\s+|(?:can|could|would) you (?:please )?)?"
_ARTICLE = (
    r"(?:a|an|the|some|any|one|two|three|four|five|\d+|this|that|these|those|given|following"
    r"|provided)"
)
_LENGTH = (
    r"(?i)\b(?:\d+|one|two|three|four|five|six|seven|eight|ten|twelve|single|few|couple|half)[- ]"
    r"(?:\w+[- ]){0,2}(?:words?|sentences?|lines?|paragraphs?|bullets?|points?|pages?|stanzas?"
    r"|verses?"
    r"|characters?|items?|steps?|tweets?|minutes?|liners?|things?|key|main|parts?|examples?"
    r"|statements?|benefits|reasons|ideas|facts|adjectives)\b"
    r"|\b(?:brief\w*|short|long|concise\w*|detailed|in detail|in a (?:sentence|paragraph|phrase"
    r"|nutshell)"
    r"|one-\w+|(?:less|fewer|more) than|at (?:least|most)|no more|up to|under \d|within \d|tweet"
    r"|headline|title|haiku|limerick|slogan|tl;?dr|sentence|paragraph|outline|bullet|abstract)\b"
)
_GENRE = (
    r"(?:story|essay|article|paragraph|sentence|blog(?: post)?|speech|letter|e-?mail|report|song"
    r"|list"
    r"|code|program|function|script|text|summary|review|post|tweet|dialogue|conversation"
    r"|presentation"
    r"|document|question|questions|title|headline|description|quiz|plan|outline|slogan|analysis"
    r"|paper|table|chart|advertisement|ad|caption|content|argument|explanation|design|app|website"
    r"|hypothesis|survey|test|set|game|query|algorithm|example|response|answer|statement)"
)
_LOOSE = (
    r"(?:\s+(?:it|this|that|them|these|those|something|anything|everything|some|few|more|better"
    r"|again"
    r"|an?|the|about|to|for|of|in|on|with|me|us|stuff|things?|one|here|please|now|detail|details"
    r"|good"
    r"|questions?|answers?|task|text|advice|information|problem|response|job|same|way|different"
    r"|subject|topic|concept|idea|how it works))*"
)


class Gap(NamedTuple):
    """Something an instruction may leave open.

    Attributes:
        shown: pattern of instructions that may leave it open.
        filled: pattern of those among them that do not.
        weight: how much it matters, from 0 to 1.
        reason: what is missing.
        hint: how to say it; `{}` is the instruction.
        alone: it counts only where the row has no input and no earlier turn.
    """

    shown: str
    filled: str
    weight: float
    reason: str
    hint: str
    alone: bool = False


VAGUE: tuple[Gap, ...] = (
    Gap(
        rf"{_ASK}(?:{VERBS})(?:\s+(?:me|us))?{_LOOSE}[\s.!?:…]*$",
        r"(?i)^\s*(?:continue|help|do tell)\b.{30}",
        0.95,
        "it names nothing to work on",
        "Name what to work on: `{}` + what, for whom, in what form",
        alone=True,
    ),
    Gap(
        rf"{_ASK}(?:{VERBS})\s+(?:it|this|that|them|these|those)\b(?:\s+[\w'-]+){{1,6}}[\s.!?]*$",
        rf"(?i)\b(?:this|that|these|those|it)\s+(?:[\w-]+\s+)?(?:{MATERIAL}|{PICTURE}|\w+s?)\s+"
        r"(?:is|are|was|of|in|from|by)\b|\bthis \w+$|\bthat\s+\w+s\b|\d",
        0.8,
        "`it` or `this` stands for nothing that was named",
        "Say what `it` is: `{}`",
        alone=True,
    ),
    Gap(
        rf"{_ASK}(?:write|create|compose|generate|make|draft|produce|give|tell|come up with|provide"
        rf"|develop|design|construct|build|prepare|ask|share|craft|form)(?:\s+(?:me"
        rf"|us))?\s+{_ARTICLE}?\s*"
        rf"(?:(?:short|long|brief|good|nice|great|creative|interesting|simple|random|new|original"
        rf"|funny|detailed|unique|complete|full|small|quick|perfect|best|single|sample|other"
        rf"|more)\s+){{0,2}}"
        rf"{_GENRE}s?[\s.!?]*$",
        r"^$",
        0.75,
        "it gives no topic",
        "Give a topic, a reader and a length: `{}` about …, for …, in about … words",
        alone=True,
    ),
    Gap(
        r"(?i)\b(?:an?|any|some|the|this|that|one|certain|specific|given|particular|random)\s+"
        r"(?:given |certain |specific |particular |random |selected |chosen |desired )?"
        r"(?:topic|subject|theme|thing|concept|product|item|issue)[\s.!?]*$",
        rf"(?i)^\s*(?:what|who|which|when|where|why|how|is|are|name|define)\b|\S[.?!:]\s+\S|[\"“]"
        rf"|\ban? (?:item|issue|product)[\s.!?]*$|{CODE}",
        0.7,
        "the thing that it is about is not named",
        "Put the thing itself in place of its kind: `{}`",
        alone=True,
    ),
    Gap(
        r"(?i)\b(?:something|some stuff|and so on|and stuff|or whatever|blah|some kind of thing"
        r"|do your (?:best|thing)|you know what|as usual|the usual|like before"
        r"|as before)[\s.!?…]*$",
        r"(?i)\b(?:translate|what|word|phrase|rewrite|sentence|describe|explain|meaning)\b",
        0.6,
        "it says what is wanted only roughly",
        "Say exactly what is wanted: `{}`",
        alone=True,
    ),
)
"""Instructions that cannot be followed without guessing what they are about."""

UNDERSPECIFIED: tuple[Gap, ...] = (
    Gap(
        r"(?i)\b(?:summari[sz]e|sum up|write (?:a|the) summary|(?:create|generate|provide|give)"
        r"(?: me)? (?:a|the) summary|provide a summari[sz]ation)\b",
        _LENGTH,
        0.5,
        "it names no length",
        "Name length and focus: `{}` in … sentences, for …, with regard to …",
    ),
    Gap(
        r"(?i)^\s*(?:please )?(?:summari[sz]e|sum up)\s+(?:the|this|these|that|a"
        r"|an)?\s*(?:following|given"
        rf"|below|provided|above)?\s*(?:[\w-]+\s)?(?:{MATERIAL})s?\b[^,;]{{0,12}}$",
        r"(?i)\b(?:focus\w*|regard|main|key|major|important|about|on|purpose|argument|findings"
        r"|point"
        r"|points|aspects?|for|perspective|theme|idea)\b",
        0.3,
        "it names no focus",
        "Name length and focus: `{}` in … sentences, for …, with regard to …",
    ),
    Gap(
        r"(?i)^\s*(?:please )?(?:write|create|compose|generate|draft|produce"
        r"|prepare)(?: me)? (?:a|an)\s+"
        r"(?:[\w-]+\s+){0,2}?(?:essay|article|report|story|speech|blog(?: post)?|paper)\b",
        _LENGTH,
        0.4,
        "it names no length",
        "Say how long, for whom and in what tone: `{}` in about … words",
    ),
    Gap(
        rf"(?i)^\s*(?:please )?(?:rewrite|edit|improve|revise|modify|change|rework"
        rf"|update)\s+(?:the|this|these"
        rf"|that|a|my)?\s*(?:following|given|below|provided"
        rf"|above)?\s*(?:{MATERIAL})s?\s*(?:below)?\s*[.:]?\s*$",
        r"^$",
        0.5,
        "it does not say what should change",
        "Say what should change and to what end: `{}` so that …",
    ),
    Gap(
        rf"(?i)^\s*(?:please )?(?:analy[sz]e|evaluate|assess|review|classify|categori[sz]e|rate"
        rf"|interpret"
        rf"|discuss|compare|examine|sort|rank|group|label)\s+(?:the|this|these|that|a|an)?\s*"
        rf"(?:following|given|below|provided|above)?\s*(?:two |three )?(?:[\w-]+\s)?"
        rf"(?:{MATERIAL}|{PICTURE})s?\s*[.:]?\s*$",
        r"(?i)\b(?:sentiment|tone|grammar|alphabetic\w*|type|genre)\b",
        0.5,
        "it does not say by what criteria",
        "Name the criteria and the form of the answer: `{}` by …",
    ),
)
"""Instructions that can be followed, but not in one way: length, focus or criteria are open."""


def open_gaps(rows: pl.DataFrame, gaps: Sequence[Gap], alone: pl.Expr) -> pl.DataFrame:
    """Rows that leave something open.

    Args:
        rows: with the column `instruction`.
        gaps: what to look for.
        alone: which rows have nothing but the instruction.

    Returns:
        Those rows, with `score`, `reasons` (joined by semicolons) and `hint` (of the first gap).
    """
    instruction = pl.col("instruction")
    is_open = [
        instruction.str.contains(gap.shown)
        & ~instruction.str.contains(gap.filled)
        & (pl.col("alone") if gap.alone else pl.lit(True))
        for gap in gaps
    ]
    marked = rows.with_columns(alone.alias("alone")).with_columns(
        *(expression.alias(f"gap{number}") for number, expression in enumerate(is_open))
    )
    names = [f"gap{number}" for number in range(len(gaps))]
    marked = marked.filter(pl.any_horizontal(names))
    harmless = pl.lit(1.0)
    for name, gap in zip(names, gaps, strict=True):
        harmless *= 1 - pl.col(name).cast(pl.Float32) * gap.weight
    line = pl.col("instruction").str.strip_chars(" \n.:").str.slice(0, 120)
    return marked.with_columns(
        (1 - harmless).alias("score"),
        pl.concat_str(
            [pl.when(name).then(pl.lit(gap.reason)) for name, gap in zip(names, gaps, strict=True)],
            separator="; ",
            ignore_nulls=True,
        ).alias("reasons"),
        pl.coalesce(
            pl.when(name).then(pl.format(gap.hint, line))
            for name, gap in zip(names, gaps, strict=True)
        ).alias("hint"),
    )
