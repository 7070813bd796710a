"""Groups of people, and where texts name them.

The words are in `curate/words/groups.txt`: eight axes, 31 groups. A row names a group if one
of its words stands there, which counts "the nurse told her" for women, and says nothing of people
whose group is not named.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import polars as pl

from tutelage.curate.words import any_of, sections

_PLURALS = ("women", "men", "people", "children", "girls", "boys")


class Group(NamedTuple):
    """People who are named alike.

    Attributes:
        axis: what tells them apart, such as `religion`.
        name: such as `muslim`.
        words: words and phrases that name them, in lower case.
    """

    axis: str
    name: str
    words: tuple[str, ...]


@cache
def groups() -> tuple[Group, ...]:
    """All groups, in the list's order: bit n of a mask stands for the nth."""
    found = []
    for heading, words in sections("groups").items():
        axis, _, name = heading.partition(": ")
        found.append(Group(axis, name, words))
    return tuple(found)


@cache
def axes() -> dict[str, tuple[int, ...]]:
    """The groups of each axis, as places in `groups()`."""
    found: dict[str, tuple[int, ...]] = {}
    for place, group in enumerate(groups()):
        found[group.axis] = (*found.get(group.axis, ()), place)
    return found


def pattern(words: tuple[str, ...]) -> str:
    """A pattern for Rust's regex crate of any of the words, whole, case ignored.

    Word boundaries are those of ASCII: Unicode's take ten times as long.
    """
    return rf"(?i)(?-u:\b)(?:{any_of(words)})(?-u:\b)"


@cache
def anyone() -> str:
    """A pattern of any word for people."""
    return pattern(tuple(word for group in groups() for word in group.words))


@cache
def plurals() -> str:
    """An alternation of words that name a whole group: `women`, `old people`, `immigrants`."""
    words = {word for group in groups() for word in group.words}
    whole = {
        word
        for word in words
        if (word.endswith(_PLURALS) or (word.endswith("s") and word[:-1] in words))
        and word not in ("children", "kids", "girls", "boys", "men", "babies")
    }
    more = {"men", "girls", "boys", "the elderly", "the poor", "the rich", "senior citizens"}
    return any_of(tuple(sorted(whole | more | {"jewish people", "asian people", "teenagers"})))


def mask(text: pl.Expr) -> pl.Expr:
    """Which groups a text names, as bits (UInt32; 0 where the text is null)."""
    return pl.sum_horizontal(
        pl.when(text.str.contains(pattern(group.words))).then(1 << place).otherwise(0)
        for place, group in enumerate(groups())
    ).cast(pl.UInt32)


def names(mask: pl.Expr, place: int) -> pl.Expr:
    """Whether a mask has the group at a place in `groups()`."""
    return (mask.floordiv(1 << place) % 2) == 1


def template(text: pl.Expr) -> pl.Expr:
    """A text with every word for people replaced by its axis: alike where only groups differ."""
    for axis, places in axes().items():
        words = tuple(word for place in places for word in groups()[place].words)
        text = text.str.replace_all(pattern(words), f"<{axis}>")
    return text
