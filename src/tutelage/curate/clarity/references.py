"""References to a text, an image or a file that an instruction does not hold.

"Summarise the following article." is complete only with the article. Whether something follows is
read off the instruction: quotation marks, a colon or a line with text behind it, an expression, a
list, a title, or a sentence that asks nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tutelage.curate.clarity.wording import (
    CODE,
    IMPERATIVE,
    LINKED,
    MATERIAL,
    PICTURE,
    QUESTION,
    sentences,
)

THING = rf"(?:{MATERIAL}|{PICTURE}|{LINKED})"
POINTED = re.compile(
    rf"(?i)\b(?:(?:the|these|this|those|of|to|from|for|with|in) following\b(?! (?:day|year|week"
    rf"|month"
    rf"|morning|night|a|an|the)\b)(?: [\w-]+)?"
    rf"|(?:the|this|these) (?:[\w-]+ ){{0,2}}(?:{THING})s? (?:below|above)\b"
    rf"|(?:the|these) (?:above|below)(?:-?mentioned)? [\w-]+"
    rf"|(?:listed|given|shown|mentioned|provided|described|written|presented|seen) (?:below"
    rf"|above)\b"
    rf"|(?:the )?attached (?:[\w-]+ )?(?:{THING})s?\b|\b(?:in|see|open|the) attachments?\b"
    r"|the (?:given|provided|supplied|enclosed|linked) [\w-]+)"
)
"""What points at something elsewhere."""
THIS = re.compile(
    rf"(?i)\b(?:this|these) (?:[\w-]+ )?(?:{THING}|product|book|movie|film|song|website|design|word"
    r"|person|character|company|animal|object|situation)s?\b(?! (?:is|was|will|should|that|about"
    r"|called|titled)\b)"
)
"""What points at something at hand."""
SEEN = re.compile(
    rf"(?i)\b(?:in|from|of|on|at|by|describe|caption|interpret|analy[sz]e|summari[sz]e"
    r"|turn|read|translate|rewrite|edit|finish|shorten|proofread|does|did) the "
    rf"(?:(?:{PICTURE})|(?:article|passage|paragraph|excerpt|transcript|text|dialogue|conversation"
    r"|document|snippet|poem|essay|sentence))(?=[.,;!?]|$| and\b| in (?:one|two|three|four|five"
    r"|a|an"
    r"|your|under|less|no|fewer|\d)\b| using\b| into\b| say\b| mention\b| describe\b)"
)
"""What is spoken of as known."""
SUPPLIED = re.compile(
    r"[\"“”«»`‘]\s*\S|(?:^|\s)'\S|[:–—]\s*\S|\s-\s+\S|\d\s*[-+*/=,^x×]\s*\d|\(\s*-?\d|\n\s*\S"
    r"|https?:|www\."
)
"""Signs that an instruction holds its material."""
NAMES = re.compile(r"(?:\s[A-Z][\w'’.-]+,?(?: of| and| the| by| &| vs)*){2,}")
HOW = re.compile(r"\b(?:as|into|using|by|with|in|to|from|based|while|according)\b")
"""Words behind which an instruction says how, and no longer what."""
SHOULD = re.compile(
    rf"(?i)^(?:{IMPERATIVE}|{QUESTION}|(?:your|the|each|it|output|make sure|ensure|include|be"
    rf"|try|keep"
    r"|avoid|do not|don't|only|if|in (?:one|two|your)|limit)\b)"
)
"""Openings of sentences that are about the task."""
BRACKETED = re.compile(
    rf"(?i)^[\[(<{{]+\s*(?:[\w'’,.-]+ ){{0,6}}(?:{MATERIAL}|{PICTURE}|{LINKED}|attached"
    r"|attachment)s?"
    r"(?: [\w'’.-]+){0,7}\s*[\])>}]+$"
)
"""An input that names what should stand in its place: `[image of a logo]`."""


class Reference(NamedTuple):
    """Where a text refers to something that is not there."""

    start: int
    end: int


def dangling(instruction: str) -> Reference | None:
    """The reference to something that an instruction without input does not hold, if any."""
    for pattern in (POINTED, THIS, SEEN):
        for match in pattern.finditer(instruction):
            if not _is_supplied(instruction, match, pattern):
                return Reference(match.start(), match.end())
    return None


def _is_supplied(instruction: str, match: re.Match[str], pattern: re.Pattern[str]) -> bool:
    before, after = instruction[: match.start()], instruction[match.end() :]
    if SUPPLIED.search(after) or SUPPLIED.search(before.replace("\n", " ")):
        return True
    if "above" in match[0].lower() and re.search(r"[.?!\n]", before):
        return True
    if re.search(CODE, f"{before} {after}") and not re.search(rf"(?i)\b(?:{PICTURE})\b", match[0]):
        return True
    this, *others = sentences(after) if after.strip() else [""]
    if any(not SHOULD.match(other.strip()) for other in others):
        return True
    what = "" if this.startswith(",") else HOW.split(this)[0]
    if what.count(",") >= 2 or NAMES.search(f" {this}"):
        return True
    if pattern is POINTED:
        return False
    if ":" in before or "\n" in before:
        return True
    # What has been spoken of before is known: "Write a story. In this story, …"
    noun = match[0].rsplit(" ", 1)[-1].lower().rstrip("s")
    spoken = re.search(rf"\b{re.escape(noun)}", before.lower()) is not None
    return spoken or (pattern is THIS and len(sentences(before)) > 1)
