import unicodedata

import made_run
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import LCSseq

from tutelage.report import text

BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
WORDS = st.lists(st.sampled_from(["a", "B", "red", "Fox", ",", "été", "日", "本"]), max_size=12)


@given(st.text())
@pytest.mark.filterwarnings("error")
def test_visible_leaves_nothing_that_hides_or_reorders(data: str) -> None:
    shown = text.visible(data)
    for character in shown:
        assert unicodedata.category(character) not in {"Cc", "Cs"} or character in "\n\t"
        assert unicodedata.bidirectional(character) not in BIDI
    assert text.visible(shown) == shown


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("a\u202eb", "a⟨RLO⟩b"),
        ("\x00\x1b\x7f", "␀␛␡"),
        ("\U000e0068", "⟨U+E0068⟩"),
        ("e" + "\u0301" * 60 + "!", "e" + "\u0301" * 6 + "⟨…⟩!"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("שלום, 👩‍💻 e\u0301", "שלום, 👩‍💻 e\u0301"),
    ],
)
def test_visible_spells_out_what_hides_and_keeps_what_writes(data: str, shown: str) -> None:
    assert text.visible(data) == shown


@given(st.text(), st.integers(2, 40))
def test_clip_is_one_line_within_its_width(data: str, width: int) -> None:
    shown = text.clip(data, width)
    wide = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in shown)
    assert wide <= width
    assert "\n" not in shown


def test_excerpt_counts_what_it_leaves_out() -> None:
    assert text.excerpt("abcdef", 6) == "abcdef"
    assert text.excerpt("a" * 1500 + "z", 100, 1) == "a" * 100 + " […1,400 more characters…] z"


@given(answer=st.text(), reference=st.text())
def test_pieces_joined_are_the_answer(answer: str, reference: str) -> None:
    assert "".join(piece.text for piece in text.compare_words(answer, reference)) == answer


@given(answer=WORDS, reference=WORDS)
def test_shared_words_are_a_longest_common_subsequence(
    answer: list[str], reference: list[str]
) -> None:
    pieces = text.compare_words(" ".join(answer), " ".join(reference))
    shared = " ".join(piece.text for piece in pieces if piece.shared).split()
    assert len(shared) == LCSseq.similarity(
        [word.casefold() for word in answer], [word.casefold() for word in reference]
    )


def test_shared_words_as_a_reader_sees_them() -> None:
    pieces = text.compare_words("The islands by noon.", "by noon")
    assert [(piece.text, piece.shared) for piece in pieces] == [
        ("The islands ", False),
        ("by noon", True),
        (".", False),
    ]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (text.number(-1234.5678, 1), "−1,234.6"),
        (text.number(None), "–"),
        (text.signed(0.25), "+0.250"),
        (text.signed(-0.0001), "0.000"),
        (text.interval((0.1, 0.2)), "0.100 to 0.200"),
        (text.interval((-0.1, 0.2), 1), "−0.1 to +0.2"),
        (text.interval((None, None)), "–"),
        (text.p_value(0.0002), "<0.001"),
        (text.p_value(0.04), "0.040"),
        (text.count(1234567), "1,234,567"),
        (text.share(1, 1000), "0.1%"),
        (text.share(0, 0), "–"),
        (text.duration(4.25), "4.2 s"),
        (text.duration(418.2), "6 min 58 s"),
        (text.duration(3599.8), "1 h 0 min"),
        (text.size(3_100_000_000), "3.1 GB"),
        (text.size(999_700_000), "1 GB"),
        (text.energy(72_000), "20 Wh"),
        (text.energy(7.2e9), "2,000 kWh"),
        (text.perplexity(2.914), "18.4"),
        (text.relative(0.027), "+2.7%"),
        (text.day("2026-11-22T13:24:33+00:00"), "22 November 2026"),
    ],
)
def test_numbers_for_people(shown: str, expected: str) -> None:
    assert shown.replace("\u00a0", " ") == expected


def test_the_hostile_samples_do_hide_something() -> None:
    assert any(text.visible(sample) != sample for sample in made_run.HOSTILE)
