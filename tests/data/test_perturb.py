"""Noise that leaves the right answer right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.data.perturb import BESIDE_THE_POINT, KINDS, LOOK_ALIKES, Perturbed, perturbed

REQUEST = (
    "Which river runs through Dresden, the capital of Saxony? Answer with `one word` only, "
    "as https://example.org/rivers has it, and ignore model v2beta."
)
WORDS = [kind for kind in KINDS if kind not in ("distractors", "options")]
CHOICE = "Which is a fruit?\nA. brick\nB. apple\nC. spoon\nAnswer with a letter."


def noisy(kind: str, text: str = REQUEST, answer: str = "Elbe", strength: float = 0.3) -> str:
    made = perturbed(kind, text, [answer], seed=1, strength=strength)
    assert made is not None
    assert made.answers == (answer,)
    return made.text


def words_changed(kind: str, strength: float) -> int:
    before = REQUEST.split()
    return len(before) - sum(word in noisy(kind, strength=strength).split() for word in before)


@pytest.mark.parametrize("kind", WORDS)
def test_more_strength_is_more_noise(kind: str) -> None:
    if kind == "spacing":
        assert len(noisy(kind, strength=1)) > len(noisy(kind, strength=0.1)) > len(REQUEST)
    else:
        assert words_changed(kind, 1) > words_changed(kind, 0.1) > 0


@pytest.mark.parametrize("kind", WORDS)
def test_code_addresses_and_the_answer_stay(kind: str) -> None:
    made = noisy(kind, strength=1, answer="Dresden, Saxony")
    for kept in ("`one word`", "https://example.org/rivers", "Dresden", "Saxony", "v2beta"):
        assert kept in made


def test_what_each_kind_does() -> None:
    assert noisy("case", strength=1).lower() == REQUEST.lower()
    assert noisy("spacing", strength=1).replace(" ", "") == REQUEST.replace(" ", "")
    back = {other: letter for letter, other in LOOK_ALIKES.items()}
    assert noisy("homoglyphs", strength=1).translate(back) == REQUEST
    made = noisy("distractors")
    assert made.endswith("\n\n" + REQUEST)
    assert sum(sentence in made for sentence in BESIDE_THE_POINT) == 3


@given(
    kind=st.sampled_from(sorted(KINDS)),
    text=st.text(max_size=200),
    answer=st.text(max_size=30),
    strength=st.floats(0.01, 1),
)
def test_any_text(kind: str, text: str, answer: str, strength: float) -> None:
    made = perturbed(kind, text, [answer], seed=3, strength=strength)
    assert made == perturbed(kind, text, [answer], seed=3, strength=strength)
    assert made is None or (made.text != text and len(made.answers) == 1)


@pytest.mark.parametrize(
    ("answer", "is_right"),
    [("B", "{}"), ("(B)", "({})"), ("B. apple", "{}. apple"), ("apple", "apple")],
)
def test_options_move_and_the_answer_with_them(answer: str, is_right: str) -> None:
    orders = set()
    for seed in range(20):
        made = perturbed("options", CHOICE, [answer], seed=seed, strength=0.1)
        assert isinstance(made, Perturbed)
        lines = made.text.split("\n")
        assert [line[:3] for line in lines[1:4]] == ["A. ", "B. ", "C. "]
        (letter,) = [line[0] for line in lines if line.endswith("apple")]
        assert made.answers == (is_right.format(letter),)
        orders.add(tuple(line[3:] for line in lines[1:4]))
    assert len(orders) == 5
    assert ("brick", "apple", "spoon") not in orders


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (CHOICE, "B and C"),
        (CHOICE, "D"),
        (CHOICE, "B. brick"),
        (CHOICE, "A spoon"),
        (CHOICE.replace("spoon", "none of the above"), "B"),
        ("What is a fruit?", "B"),
        ("A. Only one option", "A"),
    ],
)
def test_options_whose_right_answer_cannot_be_told(text: str, answer: str) -> None:
    assert perturbed("options", text, [answer], seed=0, strength=0.1) is None
