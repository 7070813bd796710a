"""The same text with another group: words for people, pronouns and first names swapped.

A text is swapped only where that leaves nobody of the group behind: if words of two groups of an
axis stand in it, or one that has no counterpart ("a nun and her garden"), it has no swap. What
words stand for one another is in `curate/words/swaps.txt`; who is named, in `bias/groups.py`.

Texts that name somebody or something by a name of its own ("Michelangelo", "The Wizard of Oz") are
not swapped: they ask for facts. "his" and "her" are resolved by what follows them: "her" before a
noun is "his", else "him". Facts that go with a group are not swapped with it, so that some swapped
texts ask for another answer in earnest (how many: benchmarks/RESULTS.md, "Suites of bias").
"""

from __future__ import annotations

import re
from calendar import day_name, month_name
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl

from tutelage.curate.bias.groups import axes, groups, mask, names, template
from tutelage.curate.words import any_of, sections

NONE = "-"
"""In the list: this group has no such word."""

_PRONOUNS = {
    "his": ("men", "her", "hers"),
    "him": ("men", "her", "her"),
    "her": ("women", "his", "him"),
    "hers": ("women", "his", "his"),
}
"""The group, and what stands for the word before a noun and alone."""

_ALONE = re.compile(
    r"\s*(?:$|[^\w\s]|(?:to|and|or|but|is|was|are|were|a|an|the|in|on|at|for|with|from|by|as|of|that"
    r"|when|if|because|about|how|what|who|why|where|into|out|up|down|again|too|this|not|so)\b)",
    re.IGNORECASE,
)
"""Behind "her" or "his" that has no noun."""

_SOMEBODY = re.compile(
    r"\b(?:an?|my|our|your|his|her|their|another|every|each)\s+"
    r"(?:(?:young|old|elderly|poor|rich|wealthy|blind|deaf|disabled|single|married)\s+)?$",
    re.IGNORECASE,
)
"""Before an adjective that is said of nobody in particular."""

_PROPER = re.compile(r"(?<=[a-z,] )[A-Z][a-zà-ÿ]+|(?<=[a-z] )[A-Z]\w*[A-Z]\w*")
"""A word that has its capital letter not from the beginning of a sentence."""


@dataclass(frozen=True, slots=True)
class Swap:
    """A text with another group.

    Attributes:
        text: what it becomes.
        axis: what the groups are told apart by.
        before: the group it named.
        after: the group it names now.
    """

    text: str
    axis: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """The words of an axis that are found in one way."""

    axis: str
    how: str
    words: dict[str, tuple[str, ...]]
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Found:
    """A word for people in a text; `key` is how it is listed."""

    match: re.Match[str]
    words: dict[str, tuple[str, ...]]
    key: str
    group: str


@cache
def compared_with() -> dict[str, str]:
    """By axis the group that others are compared with."""
    return {axis: _groups_of(axis)[0] for axis in dict.fromkeys(k.axis for k in _kinds())}


def swaps(texts: Sequence[str], choose: Sequence[int]) -> list[list[Swap]]:
    """Each text with another group, once for every axis on which that can be.

    A text that names the group others are compared with gets one of the others; one that names
    another gets that.

    Args:
        texts: any.
        choose: for each text a number that decides between groups.
    """
    found = [
        []
        if _is_of_record(text)
        else [swap for axis in compared_with() if (swap := _swap(text, axis, number))]
        for text, number in zip(texts, choose, strict=True)
    ]
    flat = [swap for some in found for swap in some]
    kept = iter(_clean(flat))
    return [[swap for swap in some if next(kept)] for some in found]


def neutral(texts: Sequence[str], axis: str) -> list[str]:
    """Texts with words for people replaced by their axis: alike where only the group differs."""
    for kind in (one for one in _kinds() if one.axis == axis):
        anywhere = _anywhere(kind)
        texts = [anywhere.sub(f"<{axis}>", text) for text in texts]
    alike = template(pl.col("text")).str.replace_all(r"\b([aA])n (<)", "${1} ${2}")
    return pl.Series("text", texts, dtype=pl.String).to_frame().select(alike)["text"].to_list()


@cache
def _kinds() -> tuple[_Kind, ...]:
    listed: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}
    for heading, words in sections("swaps").items():
        axis, _, rest = heading.partition(": ")
        group, _, how = rest.partition(", ")
        if group:
            listed.setdefault((axis, how), {})[group] = words
    # "a christian man" is an adjective's place before it is a noun's.
    order = list(dict.fromkeys(axis for axis, _ in listed))
    ordered = sorted(listed.items(), key=lambda one: (order.index(one[0][0]), not one[0][1]))
    return tuple(_Kind(axis, how, words, _pattern(how, words)) for (axis, how), words in ordered)


def _pattern(how: str, words: dict[str, tuple[str, ...]]) -> re.Pattern[str]:
    """A word of any of the groups, with the article before it."""
    one = any_of(tuple(sorted(_listed(words))))
    article = r"\b(?:(?P<article>an?)(?P<space>\s+))?(?P<word>"
    if how == "names":
        return re.compile(rf"{article}{one})\b(?!\s+[A-Z])")
    if not how:
        return re.compile(rf"(?i){article}{one})\b")
    follows = _nouns("adults" if how == "before adults" else "people")
    # "a 7-year-old boy" is none of the old.
    return re.compile(rf"(?i)(?<!-)(?<!year )(?<!years ){article}{one})\b(?=\s+(?:{follows})\b)")


def _anywhere(kind: _Kind) -> re.Pattern[str]:
    flags = "" if kind.how == "names" else "(?i)"
    return re.compile(rf"{flags}\b(?:{any_of(tuple(sorted(_listed(kind.words))))})\b")


def _listed(words: dict[str, tuple[str, ...]]) -> set[str]:
    listed = {word for some in words.values() for word in some if word != NONE}
    return listed | _PRONOUNS.keys() if "he" in listed else listed


def _nouns(who: str) -> str:
    """Words that a group's adjective may stand before."""
    occupations = sections("occupations")["occupations"]
    nouns = sections("swaps")["adults"] + (sections("swaps")["children"] if who == "people" else ())
    return any_of((*nouns, *occupations, *(f"{name}s" for name in occupations)))


@cache
def _known() -> frozenset[str]:
    """Words with a capital letter that name nobody in particular."""
    words = {word for kind in _kinds() for some in kind.words.values() for word in some}
    words |= {word for group in groups() for phrase in group.words for word in phrase.split()}
    return frozenset(word.lower() for word in (*words, *day_name, *month_name, "English"))


def _is_of_record(text: str) -> bool:
    """Whether it names somebody or something by a name of its own, with facts that go with it."""
    return any(match[0].lower() not in _known() for match in _PROPER.finditer(text))


def _groups_of(axis: str) -> list[str]:
    return list(dict.fromkeys(g for kind in _kinds() if kind.axis == axis for g in kind.words))


def _swap(text: str, axis: str, number: int) -> Swap | None:
    """A text with another group, if its words name just one that has a counterpart."""
    found = _found(text, axis)
    if len({one.group for one in found}) != 1:
        return None
    before = found[0].group
    first, *others = _groups_of(axis)
    turn = number % len(others)
    for after in [first] if before != first else [*others[turn:], *others[:turn]]:
        words = [_counterpart(one, text, after) for one in found]
        pieces, end = [], 0
        for one, word in zip(found, words, strict=True):
            if word is None:
                break
            pieces += [text[end : one.match.start()], _in_place(word, one.match)]
            end = one.match.end()
        else:
            return Swap("".join((*pieces, text[end:])), axis, before, after)
    return None


def _found(text: str, axis: str) -> list[_Found]:
    """The words that name groups of an axis, in order; none overlap."""
    found: dict[int, _Found] = {}
    for kind in (one for one in _kinds() if one.axis == axis):
        for match in kind.pattern.finditer(text):
            if kind.how == "of somebody" and not (
                match["article"] or _SOMEBODY.search(text, 0, match.start())
            ):
                continue
            key = match["word"] if kind.how == "names" else match["word"].lower()
            if any(
                match.start("word") < one.match.end() and one.match.start("word") < match.end()
                for one in found.values()
            ):
                continue
            pronoun = _PRONOUNS.get(key) if axis == "gender" else None
            group = (
                pronoun[0]
                if pronoun
                else next(group for group, words in kind.words.items() if key in words)
            )
            found[match.start()] = _Found(match, kind.words, key, group)
    return [found[start] for start in sorted(found)]


def _counterpart(found: _Found, text: str, after: str) -> str | None:
    """The word of another group in a word's place."""
    if found.key in _PRONOUNS:
        _, before_noun, alone = _PRONOUNS[found.key]
        return alone if _ALONE.match(text, found.match.end()) else before_noun
    if after not in found.words:
        return None
    word = found.words[after][found.words[found.group].index(found.key)]
    return None if word == NONE else word


def _in_place(word: str, match: re.Match[str]) -> str:
    """A word in the case of that in its place, with its article."""
    cased = _cased(word, match["word"])
    if match["article"] is None:
        return cased
    article = "an" if word[0].lower() in "aeio" or word.lower().startswith("un") else "a"
    return _cased(article, match["article"]) + match["space"] + cased


def _cased(word: str, like: str) -> str:
    """A word in the case of another."""
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word[0].upper() + word[1:] if like[0].isupper() else word


def _clean(found: Sequence[Swap]) -> list[bool]:
    """Whether texts name, of their axis, no group but the one they were swapped to."""
    masks = pl.Series("text", [swap.text for swap in found], dtype=pl.String).to_frame()
    masks = masks.select(mask(pl.col("text")).alias("mask"))
    named = masks.select(
        names(pl.col("mask"), place).alias(str(place)) for place in range(len(groups()))
    )
    return [
        not any(row[place] for place in axes()[swap.axis] if groups()[place].name != swap.after)
        for swap, row in zip(found, named.iter_rows(), strict=True)
    ]
