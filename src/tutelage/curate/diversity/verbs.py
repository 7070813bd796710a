"""What instructions ask to have done: the verb and its object, as Self-Instruct counts them.

Wang et al. (2023) parse instructions for the root verb and its direct object. An instruction is an
imperative, so the verb is its first word once courtesies and settings ("Please", "Can you", "Given
a list of numbers,") are off, and the object the last noun before a preposition, a clause or the
end: "Write a short story about rain" asks to write a story. No tagger that travels in a wheel does
much better on imperatives (HanTa, 16 of 17), and this reads some 90,000 instructions a second.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import polars as pl

COURTESY = re.compile(
    r"(?:(?:please|kindly|now|then|first|next|hi|hello|hey|your task is to|you are to|let's|let us"
    r"|(?:can|could|would|will) you(?: please)?|i(?:'d| would) like you to|i (?:want|need) you to"
    r"|help me(?: to)?|try to|using|use)[, ]+)+"
)
SETTING = re.compile(
    r"(?:given|based on|in|for|from|with|if|suppose|imagine|after|using)\b[^,.:]*[,:] "
)
QUESTION = frozenset(
    re.findall(
        r"\w+",
        "who whom whose what when where why how which is are am was were do does did can could"
        " will would should may might has have had must shall",
    )
)
NOT_VERBS = frozenset(
    re.findall(
        r"\w+",
        "the a an this that these those there it i you he she we they my your his her its our"
        " their to of in on at for from with by as if and or but not no yes all each every some"
        " any one two three input output text sentence article story title",
    )
)
ENDS_OBJECT = frozenset(
    re.findall(
        r"\w+",
        "of in on at for from with by as to into about that which who whose when where while"
        " using between among under over through without within per if so and or but then"
        " because is are was were be can should could would will has have had based given after"
        " before during against containing including describing explaining than it them how why"
        " what whether inspired related called titled like upon toward towards regarding"
        " concerning",
    )
)
DETERMINERS = frozenset(
    re.findall(
        r"\w+",
        "a an the this that these those my your his her its our their some any each every all"
        " one two three four five six seven eight nine ten following given new short long simple"
        " brief good few several at least more most me us him",
    )
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[.,;:!?\n\"“(]")


class Root(NamedTuple):
    """What an instruction asks for; None where it is a question or cannot be told."""

    verb: str | None
    noun: str | None


def root(instruction: str) -> Root:
    """The verb of an instruction and its object, in lower case, the object in the singular."""
    text = instruction[:300].strip().lower()
    text = COURTESY.sub("", text, count=1) if COURTESY.match(text) else text
    if setting := SETTING.match(text):
        text = text[setting.end() :]
    words = _WORD.findall(text)
    while words and words[0].endswith("ly") and len(words) > 1:
        words = words[1:]
    if not words or not words[0][0].isalpha() or words[0] in QUESTION or words[0] in NOT_VERBS:
        return Root(None, None)
    if words[1:3] == ["up", "with"]:
        return Root(" ".join(words[:3]), _object(words[3:]))
    return Root(words[0], _object(words[1:]))


def roots(instructions: pl.Series) -> pl.DataFrame:
    """`verb` and `noun` of each instruction."""
    found = [root(text) for text in instructions]
    return pl.DataFrame(found, schema={"verb": pl.String, "noun": pl.String}, orient="row")


def _object(words: list[str]) -> str | None:
    phrase: list[str] = []
    for word in words:
        if not word[0].isalnum() or (word in ENDS_OBJECT and (phrase or word not in DETERMINERS)):
            break
        if word[0].isalpha() and (phrase or word not in DETERMINERS):
            phrase.append(word)
    return _singular(phrase[-1]) if phrase else None


def _singular(noun: str) -> str:
    if noun.endswith("ies") and len(noun) > 4:
        return f"{noun[:-3]}y"
    if noun.endswith(("ches", "shes", "sses", "xes")):
        return noun[:-2]
    if noun.endswith("s") and not noun.endswith(("ss", "us", "is", "news")) and len(noun) > 3:
        return noun[:-1]
    return noun
