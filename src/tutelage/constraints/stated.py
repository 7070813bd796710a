"""Find the verifiable constraints that an instruction states in plain words.

"Explain it in under 50 words, with no commas" states two. Each is a pattern over the instruction
and gives an id, options and the characters that say it. Precision counts for more than recall: an
instruction that speaks *about* a form ("what is JSON?"), asks for code, or sets a bound for each of
several parts states nothing about the response as a whole, and text in quotation marks is material,
not instruction. Measured on the half of IFEval's prompts that was held back while the patterns were
written (benchmarks/RESULTS.md, "IFEval").
"""

from __future__ import annotations

import re
from functools import lru_cache

from tutelage.constraints.stated_counts import COUNTS
from tutelage.constraints.stated_form import FORMS, LANGUAGES
from tutelage.constraints.stated_keywords import KEYWORDS
from tutelage.constraints.wording import Said, Wording, wording

_FINDERS = (*COUNTS, *KEYWORDS, *FORMS)
_CODE = re.compile(
    r"\b(?:functions?|programs?|python|javascript|java|c\+\+|scripts?|regex|regular expressions?|"
    r"algorithms?|sql|quer(?:y|ies)|class(?:es)? that|methods? that|html|css|code)\b",
    re.IGNORECASE,
)
LONGEST = 20_000
"""Characters of an instruction that are read; what is longer is a document."""
HINTS = [
    *(
        "word",
        "sentence",
        "paragraph",
        "stanza",
        "bullet",
        "placeholder",
        "term",
        "phrase",
        "items",
    ),
    *(
        "last",
        "final",
        "letter",
        "comma",
        "time",
        "once",
        "twice",
        "thrice",
        "caps",
        "capital",
        "upper",
        "lower",
    ),
    *("json", "exact", "end", "finish", "conclude", "close", "asterisk", "***", "bracket", "<<"),
    *("quot", "post", "p.s", "p.p", "repeat", "my answer", "highlight", "itali", "emphasi"),
    *(" x", '"x', "'x", " 1", " #", "number", "stars", "words", "first", "only"),
    *(
        "include",
        "including",
        "mention",
        "avoid",
        "without",
        "not",
        "n't",
        "n’t",
        "never",
        "refrain",
    ),
    *LANGUAGES,
]
"""Texts of which every instruction that states something holds one, in whatever case."""

LIKELY = (
    r"(?i)(?:\d|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|teen|ty|hundred|"
    r"thousand|single|less|fewer|more|most|longer|shorter)\+?[ -](?:[a-z]+ )*"
    r"(?:word|sentence|paragraph|stanza|bullet|placeholder)",
    r"(?i)(?:not|n['’]t|never|without|avoid|refrain|cannot|no)\b[^.\n]*"
    r"(?:words?\b|terms?\b|phrases?\b|letters?\b|commas?\b|[\"“'‘])",
    r"(?i)(?:inclu|contain|us|mention|incorporat|ha|with)(?:d?e|d?es|d?ing|s)?\b[^.\n]*"
    r"(?:words?|terms?|phrases?|items)[ :\n]+[\"“'‘\[\w]",
    r"(?i)(?:word|term|letter|phrase|[\"”'’])[^.\n]* (?:times?|once|twice|thrice)\b",
    r"(?i)(?:word|term|letter|phrase)s?\b[^.\n]*(?:not|n['’]t|must|should|needs?|has|have)\b",
    r"(?i)\b(?:end|ends|ending|finish|finishes|finishing|conclude|close|last|final)\b"
    r"[^.\n]*[\"“:]",
    r"(?i)(?:only|all|entirely|fully|strictly|purely|solely|exclusively|completely|respond|reply|"
    r"answer|response|output)\b[^.\n]*\b(?:" + "|".join(LANGUAGES) + r")\b",
    r"(?i)\b(?:" + "|".join(LANGUAGES) + r")(?: language)? only\b",
    r"(?i)paragraph[^.\n]*(?:start|begin)|(?:start|begin|first word)[^.\n]*paragraph",
    r"(?i)(?:include|including|mention) [\"“]|caps\b|capital letter|all capital|capitals\b|"
    r"capitali[sz]|upper-? ?case|lower-? ?case|json|with this exact|with the exact|asterisk|"
    r"\*\*\*|six star|6 star|bracket|<<|quotation|double.?quot|post ?script|p\. ?s|p\. ?p|repeat|"
    r"my answer is|highlight|italic|no other language|languages? other than|comma|end this exact|"
    r"emphasi|(?:cannot|can['’]t|must not|should not|may not) (?:be|appear|occur)|\b\d\+ letter|"
    r"[0-9e] (?:of the )?letter|"
    r"(?-i:[A-Za-z] [\"“']?X\b|[A-Z][A-Za-z]+ 1\b|[A-Z][A-Za-z]+ #|[A-Z][A-Za-z]+ number\b)",
)
"""Patterns (Rust's and Python's syntax) of which every instruction that states something has one.

Together they take 1 µs a row of instructions that hold a hint; as one pattern, whose states
multiply, 13.
"""


def stated(instruction: str) -> tuple[Said, ...]:
    """The constraints that an instruction states, in the order of its text.

    A bound in two words ("between 50 and 80 words") gives two constraints. Of a very long text the
    first `LONGEST` characters are read.
    """
    return _stated(instruction[:LONGEST])


@lru_cache(maxsize=16384)
def _stated(instruction: str) -> tuple[Said, ...]:
    """What `stated` gives; two checks ask of each instruction."""
    said = wording(instruction)
    every = (found for find, words in _FINDERS if said.says(*words) for found in find(said))
    kept = {(one.name, repr(one.kwargs)): one for one in every if not _of_code(said, one)}
    return tuple(sorted(kept.values(), key=lambda one: (one.start, one.end)))


def _of_code(said: Wording, one: Said) -> bool:
    """Whether the sentence asks for code, of which the constraint then is one."""
    formal = one.name.startswith(("plain", "length", "change_case", "detectable_format:json"))
    return formal and _CODE.search(said.clause(one.start, one.end)) is not None
