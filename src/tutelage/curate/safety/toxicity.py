"""Insults, threats and contempt for groups: what is said of whom, rather than which words fall.

Word lists alone flag novels, zoology and self-help. Here an insult needs someone it is thrown at
("you …", "he is a …", ", you …!"), a group needs a claim that denies its worth, a slur counts
unless it is being talked about, and swear words count only together. An answer that quotes an
insult is found as well; whether that is wanted is for the reader to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from tutelage.curate.words import any_of, sections

ENOUGH = 3
"""Weight from which a text is toxic."""

SWEAR_WORDS = 3
"""Swear words that make a text toxic without anybody insulted; fewer are tone."""

PEOPLE = (
    "men|women|girls|boys|immigrants|migrants|refugees|foreigners|muslims|jews|christians|hindus"
    "|sikhs|atheists"
    "|catholics|mormons|blacks|whites|asians|africans|arabs|mexicans|latinos|hispanics|indians"
    "|chinese|japanese"
    "|koreans|russians|americans|europeans|pakistanis|nigerians|gays|lesbians|homosexuals"
    "|liberals|conservatives"
    "|feminists|gypsies|females|males|teenagers|boomers|millennials|seniors|cripples|rednecks"
    "|beggars"
    "|(?:gay|trans|black|white|brown|old|young|poor|rich|disabled|jewish|muslim|asian|fat"
    "|homeless|deaf|blind"
    "|autistic|those|these|you) (?:people|folks|men|women|kids)|the (?:poor|homeless|elderly"
    "|disabled|chinese)"
)
_SOFTENING = (
    r"(?:such |a |an |the |just |really |so |too |very |all |nothing but |nothing more than "
    r"|only |always |still "
    r"|truly |literally |basically |fucking |fuckin |goddamn |damn |bloody |complete |total "
    r"|absolute |utter |real "
    r"|little |big |fat |old |dirty |filthy |lying |ugly |stupid |dumb |pathetic |worthless "
    r"|useless |spineless "
    r"|ignorant |sick |lazy |disgusting |selfish |greedy |arrogant |ungrateful |miserable "
    r"|sorry |sack of |bunch of )"
)
_BITING = (
    "(?:fucking|damn|little|fat|dirty|filthy|lying|ugly|stupid|dumb|pathetic|worthless|sick|lazy)"
)
_HARM = "(?:kill|murder|hurt|beat|stab|shoot|strangle|rape|destroy|end|burn|punch|break)"
_MENTION = re.compile(
    r"(?i)\b(?:words?|terms?|slurs?|phrase|meaning of|etymology|synonyms?|called|spell|pronounce"
    r"|define|titled|entitled|novel"
    r"|insults?|offensive|derogatory|language|swear|not (?:true|a|an|fair)|what is an?|why is"
    r"|wrong to|myth"
    r"|stereotypes?)\b"
)


_DISCUSSED = re.compile(
    r"(?i)^\W{0,3}(?:(?:is|was|are|were) (?:a |an |also )?(?:word|term|slur|offensive|considered"
    r"|derogatory)"
    r"|(?:means?|originat\w+|stands for)\b)"
)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A way to be toxic.

    Attributes:
        name: what it is, for the finding.
        weight: how much it counts, against `ENOUGH`.
        pattern: what it looks like, case ignored; for Python and for Rust's regex crate alike.
    """

    name: str
    weight: int
    pattern: str


class Toxic(NamedTuple):
    """What a text does, and where it shows most."""

    names: Sequence[str]
    weight: int
    start: int
    end: int


@cache
def wrongs() -> tuple[Wrong, ...]:
    """All ways to be toxic that are looked for."""
    words = sections("toxic")
    insult, mild = any_of(words["insult"]), any_of(words["mild"])
    insulting, dehumanising = any_of(words["insulting"]), any_of(words["dehumanising"])
    soft = f"{_SOFTENING}{{0,4}}"
    be = "(?: (?:am|are|is|was|were|re)|['’](?:re|s))"
    you = r"\b(?:you|u)(?: people| guys| all)?"
    is_ = "(?: (?:is|are|was|were)|['’]s)"
    insults_you = (
        rf"{you}{be}? {soft}(?:{insult})\b",
        rf"{you}{be} {soft}(?:{mild}|{insulting})(?:$|[^\w ']| (?:and|to|of|as|or|but|you)\b)",
        rf"{you} (?:{_BITING} ){{1,3}}(?:{mild})\b",
        rf"[,.!?:] *(?:you )?{soft}(?:{insult}) *(?:[.!?\"”]|$)",
        r"(?:^|[.!?,:\"“] *)(?:just |now )?(?:shut (?:the [a-z]+ )?up"
        r"|shut your (?:[a-z]+ )?mouth|go to hell|get lost"
        r"|drop dead|eat shit|screw you|bite me|fuck (?:off|you|him|her|them|u)|piss off"
        r"|burn in hell"
        r"|go fuck yourself|suck my [a-z]+)\b",
        r"\b(?:nobody|no one|no-one) (?:likes|loves|wants|cares about|asked) (?:you|for you)\b",
        r"\byou (?:disgust|repulse|sicken) me\b|\byou (?:make|made) me sick\b",
        r"\b(?:your face|people like you) makes? me (?:sick|want to)\b",
    )
    insults_other = (
        rf"\b(?:he|she|they){is_} {soft}(?:{insult}|{mild})\b",
        rf"\b[a-z]+{is_} {soft}(?:{insult})\b",
        rf"\b(?:what|only) an? {soft}(?:{insult})\b",
    )
    threatens = (
        r"\b(?:i|we)(?:['’]ll| will| shall| am going to|['’]m going to|['’]m gonna"
        r"| am gonna) (?:[a-z]+ ){0,5}?"
        rf"{_HARM} (?:you|your|him|her|them)\b",
    )
    wishes = (
        r"\bkill yourself\b|\b(?:hope|wish) (?:you|he|she|they)(?:['’]d| would"
        r"| will)? (?:all )?(?:die|rot|suffer|burn"
        r"|get (?:cancer|raped|killed))\b",
        r"\b(?:you|he|she|they|people) (?:all )?deserves? (?:to )?(?:die|rot|be (?:killed|shot"
        r"|raped|hanged)"
        r"|what they get|to starve)\b|\bdeserve to starve\b",
        r"\bshould (?:all )?be (?:wiped off|exterminated|gassed|hanged|lynched|put down)\b",
        r"\b(?:gas|exterminate|lynch|kill|deport) (?:all|every) (?:of )?(?:them|those)\b",
    )
    despises = (
        rf"\b(?:{PEOPLE}) (?:are|should be|must be"
        rf"|will always be) {soft}(?:of )?(?:[a-z]+ )?(?:{dehumanising})"
        r"(?:$|[^\w ']| (?:and|who|that|or|by|to)\b)",
        rf"\b(?:i|we|everyone|everybody) (?:[a-z]+ )?(?:hates?|despises?) (?:all "
        rf"|the )?(?:{PEOPLE})\b",
        rf"\b(?:{PEOPLE}) are (?:bad|worse|terrible|not (?:smart|good|capable|fit)) (?:at|enough"
        rf"|for|to)\b",
        rf"\b(?:{PEOPLE}) (?:are )?(?:a waste of|belong (?:in|to) (?:the kitchen|prison|jail"
        rf"|the zoo)"
        r"|can(?:no|')t be trusted)",
    )
    slurs = (rf"\b(?:{any_of(words['slur'])})\b",)
    every = (
        *((pattern, "insults the reader", 3) for pattern in insults_you),
        *((pattern, "insults a person", 3) for pattern in insults_other),
        *((pattern, "threatens", 4) for pattern in threatens),
        *((pattern, "wishes death or harm", 4) for pattern in wishes),
        *((pattern, "denies a group's worth", 4) for pattern in despises),
        *((pattern, "uses a slur", 3) for pattern in slurs),
    )
    return tuple(Wrong(name, weight, pattern) for pattern, name, weight in every)


@cache
def _swear_words() -> str:
    return rf"\b(?:{any_of(sections('toxic')['profanity'])})\b"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_KEYS = (
    *(
        "shut",
        "hell",
        "lost",
        "drop dead",
        "screw you",
        "bite me",
        "nobody",
        "no one",
        "no-one",
        "rot",
    ),
    *(
        "disgust",
        "repulse",
        "sicken",
        "me sick",
        "me want",
        "burn",
        "suffer",
        "die",
        "cancer",
        "raped",
    ),
    *("killed", "deserve", "deserves", "wiped", "exterminate", "exterminated", "gassed", "hanged"),
    *(
        "lynch",
        "lynched",
        "put down",
        "kill all",
        "gas all",
        "deport all",
        "hate",
        "hates",
        "despise",
    ),
    *(
        "despises",
        "are bad",
        "are worse",
        "are terrible",
        "are not",
        "waste of",
        "belong",
        "trusted",
    ),
    *("yourself", "suck my", "kill every", "gas every", "deport every"),
)
"""Words of the patterns that are in no list; one of theirs is in every toxic text."""


@cache
def sieves() -> tuple[str, str]:
    """Patterns of Rust's regex crate that every toxic text matches: a quick one, a narrow one.

    Word boundaries are those of ASCII: Unicode's take ten times as long.
    """
    words = {word for section in sections("toxic").values() for word in section}
    harm = f"{_HARM} (?:you|your|him|her|them)"
    quick = rf"\b(?:{any_of(tuple(words.union(_KEYS)))}|{harm})\b"
    swearing = f"(?s:(?:{_swear_words()}.*?){{{SWEAR_WORDS}}})"
    narrow = "|".join(
        f"(?:{pattern})" for pattern in (*(wrong.pattern for wrong in wrongs()), swearing)
    )
    return _in_ascii(quick), _in_ascii(narrow)


def _in_ascii(pattern: str) -> str:
    return "(?i)" + pattern.replace(r"\b", r"(?-u:\b)").replace(r"\w", "a-z")


def toxic(text: str) -> Toxic | None:
    """What is toxic in a text, if it weighs enough."""
    seen = [
        (wrong, match)
        for wrong in wrongs()
        if (match := _compiled(wrong.pattern).search(text)) and not _is_mentioned(text, match)
    ]
    weight = sum(wrong.weight for wrong, _ in seen)
    if weight >= ENOUGH:
        _, where = max(seen, key=lambda pair: (pair[0].weight, -pair[1].start()))
        names = list(dict.fromkeys(wrong.name for wrong, _ in seen))
        return Toxic(names, weight, *where.span())
    swearing = list(_compiled(_swear_words()).finditer(text))
    if len(swearing) >= SWEAR_WORDS:
        return Toxic(["swears"], len(swearing), *swearing[0].span())
    return None


def _is_mentioned(text: str, match: re.Match[str]) -> bool:
    """Whether words before it, or right behind it, show that it is talked about, not said."""
    before = _MENTION.search(text, max(0, match.start() - 60), match.start())
    return bool(before or _DISCUSSED.search(text[match.end() : match.end() + 40]))
