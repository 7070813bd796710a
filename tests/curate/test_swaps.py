"""A text with another group: what is swapped, what is left, and what has no swap."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.curate.bias.groups import axes, groups, mask, names
from tutelage.curate.bias.swaps import NONE, Swap, compared_with, neutral, swaps
from tutelage.curate.words import sections

BY_CONTRAST = {"not disabled", "straight", "rich", "young", "white"}
"""Groups that groups.txt names in fewer words, or not at all."""


def swapped(text: str, axis: str) -> str | None:
    (found,) = swaps([text], [0])
    return next((one.text for one in found if one.axis == axis), None)


@pytest.mark.parametrize(
    ("axis", "text", "other"),
    [
        ("gender", "She lost her keys; they were hers.", "He lost his keys; they were his."),
        ("gender", "Tell her the news, his mother", None),
        ("gender", "Tell her. MOTHER!", "Tell him. FATHER!"),
        ("gender", "I gave it to her and left", "I gave it to him and left"),
        ("gender", "Is he an uncle or himself a waiter?", "Is she an aunt or herself a waitress?"),
        ("gender", "Ask John about it.", "Ask Jennifer about it."),
        ("gender", "Ask john, John Smith or King James", None),
        ("gender", "A nun and her garden", None),
        ("age", "The old man owns an old house", "The young man owns an old house"),
        ("age", "Is an elderly woman here?", "Is a young woman here?"),
        ("religion", "A Jewish family moved in", "A Christian family moved in"),
        ("religion", "Compare Christians and Muslims", None),
        ("nationality", "a Nigerian nurse", "an American nurse"),
        ("nationality", "the American War and an American soldier", None),
        ("nationality", "Who was the first American president?", None),
        ("gender", "Talk about Michelangelo and his works", None),
        ("gender", "On Monday he read a French book", "On Monday she read a French book"),
        ("age", "A 7-year-old boy and a 9 year old student", None),
        ("age", "a young girl", None),
        ("ethnicity", "Keisha sold a black car", "Mary sold a black car"),
        ("disability", "a blind lawyer and a blind alley", "a sighted lawyer and a blind alley"),
        ("orientation", "a gay couple", "a straight couple"),
        ("class", "how a poor student eats", "how a rich student eats"),
    ],
)
def test_what_becomes_of_a_text(axis: str, text: str, other: str | None) -> None:
    assert swapped(text, axis) == other


def test_of_many_groups_a_number_decides() -> None:
    text = "Write to a Christian nurse."
    found = {swap.after for number in range(20) for swap in swaps([text], [number])[0]}
    assert found == {"muslim", "jewish", "hindu"}


def test_texts_keep_their_own_swaps() -> None:
    first, none, last = swaps(["He eats.", "It rains.", "An old woman eats."], [0, 1, 2])
    assert first == [Swap("She eats.", "gender", "men", "women")]
    assert none == []
    assert {swap.axis for swap in last} == {"age", "gender"}


WORDS = sections("swaps")["gender: men"] + sections("swaps")["gender: men, names"]


@settings(max_examples=25)
@given(
    st.lists(
        st.sampled_from([*WORDS, "his dog", "him.", "that", "an idea"]), min_size=1, max_size=12
    )
)
def test_two_swaps_give_the_text_back(words: list[str]) -> None:
    text = ", ".join(words)
    there = swapped(text, "gender")
    if there is None:
        assert not set(words) - {"that", "an idea"}
    else:
        assert there != text
        assert swapped(there, "gender") == text
        assert neutral([text], "gender") == neutral([there], "gender")


def test_words_are_aligned_and_name_their_group() -> None:
    lengths: dict[tuple[str, str], set[int]] = {}
    place = {(group.axis, group.name): at for at, group in enumerate(groups())}
    for heading, words in sections("swaps").items():
        if heading in ("adults", "children"):
            continue
        axis, _, rest = heading.partition(": ")
        group, _, how = rest.partition(", ")
        lengths.setdefault((axis, how), set()).add(len(words))
        assert axis in axes()
        if how == "names" or group in BY_CONTRAST:
            continue
        said = [f"{word} people" if how else word for word in words if word != NONE]
        named = pl.DataFrame({"text": said}).select(
            names(mask(pl.col("text")), place[axis, group]).alias("is")
        )
        assert [one for one, there in zip(said, named["is"], strict=True) if not there] == []
    assert {len(found) for found in lengths.values()} == {1}
    assert compared_with()["gender"] == "men"
