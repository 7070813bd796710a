"""The options that an instruction lets a response choose from, where it names them.

"Classify … as positive, negative or neutral", "Answer yes or no", "either "spam" or "ham"", "Output
1 for true and 0 for false". Options are kept as sets of stems, since responses inflect them.
"""

from __future__ import annotations

import re

_BEFORE = (
    r"(?:as|into|in|whether|either|is|are|was|were|be|being|between|output|outputs|answer|reply"
    r"|respond"
    r"|respond with|with|categories|classes|labels|options|groups|one of|:)"
)
_ITEM = r"[\"“'‘`]?[\w'’/ -]{1,40}?[\"”'’`]?"
_LIST = re.compile(
    rf"(?i)\b{_BEFORE}\s+(?:(?:either|one of|the|following|an?|two|three|four|five|categories"
    rf"|classes|types"
    rf"|labels|of)[:\s]+)*(?P<items>{_ITEM}(?:,\s*{_ITEM}){{0,9}},?\s+or\s+{_ITEM})"
    r"(?=\s*(?:[.?!;:\n(]|$|,|based\b|according\b|sentiment\b|category\b|sentence\b|classes\b"
    r"|in nature))"
)
_QUOTED = re.compile(
    r"(?P<items>[\"“][^\"”]{1,40}[\"”](?:\s*,?\s*(?:or|and|/)?\s*[\"“][^\"”]{1,40}[\"”]){1,9})"
)
_QUOTATION = re.compile(r"[\"“][^\"”]*\s[^\"”]*[\"”]")
_MANNER = re.compile(r"(?i)\bby\b")
_FOR = re.compile(
    r"(?i)\b(?:output|assign|use|answer|label|write|return)\s+[\"']?(\w+)[\"']? (?:for|if|to"
    r"|when)\s+"
    r"([\w ]{2,30}?)(?:,| and|;)?\s+(?:and |or )?[\"']?(\w+)[\"']? (?:for|if|to"
    r"|when)\s+([\w ]{2,30})"
)
_CHOOSES = re.compile(
    r"(?i)\b(?:classif\w*|categori[sz]e|label|determine|decide|identify|state|tell|indicate"
    r"|choose|select"
    r"|pick|assign|answer|output|respond|detect|predict|say|judge|check|evaluate|verify|find out"
    r"|assess"
    r"|mark|rate|sort)\b|^\s*(?:is|are|was|were|does|do|did)\b"
)
_QUOTED_CHOICE = re.compile(
    r"(?i)\b(?:as|into|either|output|answer|choose|select|respond with|options?|categor\w+"
    r"|labels?|one of)"
    r"\b[^.?!\n\"“]{0,40}$"
)
_NO_CHOICE = re.compile(
    r"(?i)\b(?:one or (?:two|more)|two or (?:three|more)|three or four|or (?:more|less|so|not"
    r"|fewer|other"
    r"|any\w*|similar|something|another|better|worse|equal)|and/or|or both|generate|write|create"
    r"|make"
    r"|compose|rewrite|suggest|list|describe|explain|compare|translate|convert|how|why)\b"
)
_ELSE = re.compile(
    r"(?i)\b(?:neither|both|none|either|depends?|all|unknown|unclear|cannot|can't|unsure|n/?a|not"
    r"|unable|mixed|other|uncertain|maybe|any|noinput|no (?:output|input))\b"
)
_SAYS = {
    "yes": {
        "yes",
        "yeah",
        "true",
        "corre",
        "indee",
        "is",
        "are",
        "does",
        "can",
        "was",
        "do",
        "did",
    },
    "no": {
        "no",
        "not",
        "nope",
        "false",
        "incor",
        "isn",
        "doesn",
        "never",
        "cannot",
        "didn",
        "aren",
    },
    "true": {"true", "yes", "corre", "accur"},
    "false": {"false", "no", "not", "incor", "inacc", "untru"},
    "1": {"one", "first"},
    "0": {"zero"},
    "a": {"a"},
}
_STOP = frozenset(
    {"the", "an", "of", "to", "in", "or", "and", "is", "it", "as", "either", "being", "be"}
)
MOST_WORDS = 8


def options(instruction: str) -> list[set[str]]:
    """What may be chosen: for each option the stems that tell it; none where nothing is offered."""
    if _NO_CHOICE.search(instruction) or not _CHOOSES.search(instruction):
        return []
    pairs = _FOR.search(instruction)
    if pairs:
        return [
            _stems(one) | _stems(other) for one, other in (pairs.group(1, 2), pairs.group(3, 4))
        ]
    for match in _QUOTED.finditer(instruction):
        if _QUOTED_CHOICE.search(instruction[: match.start()]):
            return [_stems(each) for each in re.findall(r"[\"“]([^\"”]+)[\"”]", match["items"])]
    # What stands in quotation marks is what is judged, and "by … or …" is how to answer.
    found = _LIST.search(_QUOTATION.sub("", instruction))
    if not found or _MANNER.search(found["items"]):
        return []
    return [_stems(each) for each in re.split(r",\s*(?:or\s+)?|\s+or\s+", found["items"])]


def is_outside(response: str, offered: list[set[str]]) -> bool:
    """Whether a short response names none of the options, nor says that it cannot choose."""
    words = re.findall(r"[^\W_]+", response.lower())
    if len(offered) < 2 or not all(offered) or not 0 < len(words) <= MOST_WORDS:
        return False
    if _ELSE.search(response):
        return False
    said = {word[:5] for word in words}
    prefixes = {word[:3] for word in words if len(word) >= 3}
    for option in offered:
        if option & said or any(stem[:3] in prefixes for stem in option if len(stem) >= 3):
            return False
        # The options may be abbreviated: A, B, C, or by their initials.
        if len(words) == 1 and any(stem.startswith(words[0][:4]) for stem in option):
            return False
    return True


def _stems(option: str) -> set[str]:
    words = [word for word in re.findall(r"[^\W_]+", option.lower()) if word not in _STOP]
    stems = {word[:5] for word in words if len(word) > 1 or word.isdigit()} or set(words)
    for word in words:
        stems |= _SAYS.get(word, set())
    return stems
