"""Constraints are found where an instruction states them, and only there; broken ones are named."""

from __future__ import annotations

import os
import re
from pathlib import Path

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constrained import inject_constraint_not_met, inject_contradictory_constraints
from in_memory import batch, findings
from tutelage.constraints.numbers import NUMBER, number
from tutelage.constraints.stated import HINTS, LIKELY, stated
from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS
from tutelage.curate.wanted import wanted
from tutelage.data.audit_options import AuditOptions

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "../shared/data"))
STATED = {
    "Explain tides in under 50 words.": [("plain:number_words", 50, "less than")],
    "Explain tides in no more than fifty words.": [("plain:number_words", 51, "less than")],
    "Explain tides. Use between 20 and 30 words.": [
        ("plain:number_words", 20, "at least"),
        ("plain:number_words", 31, "less than"),
    ],
    "Write a letter of at least two paragraphs.": [("plain:number_paragraphs", 2, "at least")],
    "Answer with exactly three bullet points.": [
        ("plain:number_bullets", 3, "at least"),
        ("plain:number_bullets", 4, "less than"),
    ],
    "Describe a storm in all capital letters.": [("plain:capitals",)],
    "Describe a storm, all in lowercase.": [("plain:lower_case",)],
    "List three rivers. Respond in JSON.": [("plain:json",)],
    "Give me the capitals of Asia. Your entire output must be JSON.": [
        ("detectable_format:json_format",)
    ],
    'Write a fable. End with "The End".': [("plain:ends_with", "The End")],
    'Write a fable. End it with this exact phrase: "So it goes, always." Nothing after it.': [
        ("startend:end_checker", "So it goes, always.")
    ],
    'Describe snow. Do not use the words "white", "cold" or "ice".': [
        ("keywords:forbidden_words", ["white", "cold", "ice"])
    ],
    "Describe snow without using the letter s.": [
        ("keywords:letter_frequency", "s", 1, "less than")
    ],
    "Use the word 'anchor' at least twice.": [("keywords:frequency", "anchor", 2, "at least")],
    "Write one sentence using these words: ship, gull, rope.": [
        ("keywords:existence", ["ship", "gull", "rope"])
    ],
    "Reply only in Swahili.": [("language:response_language", "sw")],
}
NOT_STATED = [
    "What is the JSON format?",
    "Write a function that returns strings of at most 10 words.",
    "Write five slogans of fewer than 10 words.",
    "Write three tweets, each with at most 20 words.",
    "Give each section a title of no more than five words.",
    "Find all sentences with fewer than 10 words.",
    "Write a story containing the three words provided.",
    "Combine the following two sentences into one.",
    "Output only the words that do not contain the letter 'e'.",
    "Define the word 'under'.",
    'Translate: "Answer in all capital letters, using at least 50 words."',
    "Explain why people write in capital letters.",
    "How many words are in the English language?",
    "Use the word count of the text.",
    "Add the missing comma to the sentence.",
    "What should a letter end with?",
    "Write about 10 words that changed history.",
    "Name the two sentences of the oath.",
    "List 10 words that rhyme with sea.",
]


@pytest.mark.parametrize("instruction", STATED)
def test_what_is_stated_is_found(instruction: str) -> None:
    found = [(one.name, *one.kwargs.values()) for one in stated(instruction)]
    assert [one for one in found if one[0] != "plain:number_sentences"] == STATED[instruction]


@pytest.mark.parametrize("instruction", NOT_STATED)
def test_what_is_spoken_of_is_not_stated(instruction: str) -> None:
    bounds = [one for one in stated(instruction) if one.kwargs.get("relation") != "at least"]
    assert bounds == []


@pytest.mark.parametrize("instruction", STATED)
def test_the_span_holds_the_words_that_state_it(instruction: str) -> None:
    for one in stated(f"Hello.\n{instruction}"):
        words = f"Hello.\n{instruction}"[one.start : one.end]
        assert words.strip()
        assert words in instruction


@given(st.integers(0, 99_999))
def test_numbers_in_digits(value: int) -> None:
    for text in (str(value), f"{value:,}"):
        assert re.fullmatch(NUMBER, text)
        assert number(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("seven", 7), ("Twenty-five", 25), ("forty two", 42), ("a hundred", 100),
     ("two hundred and fifty", 250), ("one thousand", 1000)],
)  # fmt: skip
def test_numbers_in_words(text: str, value: int) -> None:
    assert re.fullmatch(NUMBER, text, re.IGNORECASE)
    assert number(text) == value


def test_nothing_that_is_stated_escapes_the_search_over_the_column() -> None:
    for instruction in STATED:
        assert any(re.search(pattern, instruction) for pattern in LIKELY)
        assert any(hint in instruction.lower() for hint in HINTS)
    rows = [{"instruction": text, "output": "x"} for text in STATED]
    assert len(list(wanted(batch(rows)))) == len(rows)


def test_nothing_that_people_state_escapes_it_either() -> None:
    path = DATA / "ifeval" / "input_data.jsonl"
    if not path.is_file():
        pytest.skip(f"no {path}: set TUTELAGE_DATA")
    rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    stating = {row["key"] for row in rows if stated(row["prompt"])}
    asked = [{"instruction": row["prompt"], "output": "x"} for row in rows]
    assert {rows[one.at]["key"] for one in wanted(batch(asked))} == stating


def test_hostile_instructions_take_time_in_proportion() -> None:
    for unit in (
        '"',
        "at least ",
        "the word 'a', ",
        "no more than ",
        "1,",
        "*** ",
        "in all ",
        "not ",
    ):
        stated(unit * (20_000 // len(unit)))


CLEAN = [
    {
        "instruction": f"Tell me about the {thing}.",
        "output": f"The {thing} was built by {who}, who came from the {place}. It stands "
        f"near the water, and visitors like the quiet rooms.\nPainters have drawn it at {when}.",
    }
    for thing in ("old mill", "stone bridge", "white tower", "small chapel", "long pier")
    for who in ("two brothers", "a merchant", "the town", "an exile")
    for place in ("north", "islands", "valley", "coast")
    for when in ("dawn", "midnight", "harvest")
]


def test_demands_that_are_not_met_are_found() -> None:
    rows, broken = inject_constraint_not_met(CLEAN, 0.3, seed=1)
    found = set(findings("constraint_not_met", rows)["at"].to_list())
    assert len(found & broken) >= 0.95 * len(broken)
    assert len(found & broken) >= 0.9 * len(found)


def test_demands_that_exclude_each_other_are_found() -> None:
    rows, broken = inject_contradictory_constraints(CLEAN, 0.3, seed=1)
    found = findings("contradictory_constraints", rows)
    places = set(found["at"].to_list())
    assert len(places & broken) >= 0.95 * len(broken)
    assert len(places & broken) >= 0.9 * len(places)
    at, start, end = found.select("at", "start", "end").row(0)
    assert rows[at]["instruction"][start:end] in found["detail"][0]
    assert set(found["field"]) == {"instruction"}


def test_a_broken_demand_is_named_by_its_words() -> None:
    row = {"instruction": "Say hello in at most two words.", "output": "Hello to all of you"}
    (detail,) = findings("constraint_not_met", [row])["detail"]
    assert detail == "the instruction demands “at most two words”"


def test_an_opening_line_and_asterisks_are_forgiven() -> None:
    for output in ("Of course:\nHello there", "*Hello* there"):
        row = {"instruction": 'Say hello. End with "hello there". Use at most two words.'}
        assert findings("constraint_not_met", [{**row, "output": output}]).is_empty()


def test_constraints_that_the_row_carries() -> None:
    rows = batch([{"instruction": "Say hello.", "output": "hello, all"} for _ in range(3)])
    own = [
        [{"id": "punctuation:no_comma", "kwargs": {}}],
        [{"id": "keywords:existence", "kwargs": {"keywords": ["hello"], "num_words": None}}],
        [{"id": "keywords:exist", "kwargs": {}}],
    ]
    column = pl.Series("constraints", [orjson.dumps(one).decode() for one in own])
    check = CHECKS.get("constraint_not_met")(AuditOptions())
    found = check.find(Batch(rows.rows.with_columns(column), rows.texts))
    assert found["at"].to_list() == [0, 2]
    assert found["detail"][0] == "the row's constraint punctuation:no_comma"
    assert "unknown constraint 'keywords:exist'" in found["detail"][1]
