"""Equations are judged exactly: what is false is found, what is loosely written is not."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory import findings
from tutelage.curate.accuracy.arithmetic import plainly_holds, wrong_equations

WRONG = {
    "3 + 4 = 8": 7,
    "So 12 x 3 = 35 eggs.": 36,
    "$1,200 / 4 = $400": 300,
    "20% of 50 = 12": 10,
    "(2 + 3) * 4 = 21": 20,
    "2^5 = 30": 32,
    "8 boys + 8 girls = 17 children": 16,
    "7 times 6 equals 41": 42,
    "$80/hour * 3 hours = $250": 240,
    "- 5 + 6 = 12": 11,
    "0.5 * 7 = 4.5": Fraction(7, 2),
}
RIGHT = [
    "3 + 4 = 7",
    "10 / 3 = 3.33",
    "10 / 3 = 3",
    "2 / 3 = 0.66",
    "3.33 * 3 = 10",
    "20/50 = 40%",
    "1,234 + 1 = 1,235",
    "30 minutes * 2 = 1 hour",
    "1 hour + 30 minutes = 90 minutes",
    "3 + 4 = 7 + 2 = 9",
    "2x + 3 = 7",
    "x - 3 = 5",
    "f(3) + 1 = 9",
    "80-89 = 3.0",
    "1/2 = 12 slices",
    "√16 + 1 = 5",
    "if 2 + 2 == 5:",
    "7 / 2 = 3 remainder 1",
    "2 + 2 != 5",
    "On 3-4 = page",
    "2 * 3 = 6 million",
]


@pytest.mark.parametrize("text", WRONG)
def test_a_false_equation_is_found_with_what_it_comes_to(text: str) -> None:
    assert [wrong.value for wrong in wrong_equations(text)] == [WRONG[text]]


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_or_not_plain_arithmetic_is_passed_over(text: str) -> None:
    assert list(wrong_equations(text)) == []


numbers = st.integers(min_value=0, max_value=9999)


@given(
    a=numbers, b=numbers, off=st.integers(min_value=-50, max_value=50), sign=st.sampled_from("+-*")
)
def test_whole_numbers_are_never_rounded(a: int, b: int, off: int, sign: str) -> None:
    value = {"+": a + b, "-": a - b, "*": a * b}[sign]
    text = f"We get {a} {sign} {b} = {value + off} in all."
    assert [wrong.value for wrong in wrong_equations(text)] == ([value] if off else [])


@given(a=numbers, b=st.integers(min_value=1, max_value=999), places=st.integers(1, 4))
def test_a_quotient_may_be_rounded_to_any_place(a: int, b: int, places: int) -> None:
    assert list(wrong_equations(f"{a} / {b} = {a / b:.{places}f}")) == []


@given(a=numbers, b=numbers, result=st.integers(0, 10**6), sign=st.sampled_from("+-*/"))
def test_the_short_cut_agrees_with_the_long_way(a: int, b: int, result: int, sign: str) -> None:
    for value in {result, {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0}[sign]}:
        equation = f"{a}{sign}{b}={value}"
        if plainly_holds(equation):
            assert not list(wrong_equations(equation, is_note=True))


def test_calculators_notes_and_final_answers_are_read() -> None:
    outputs = [
        "Half is 48/2 = <<48/2=24>>24.\n#### 24",
        "Half is 48/2 = <<48/2=26>>26.\n#### 26",
        "Half is 48/2 = <<48/2=24>>24.\n#### 25",
    ]
    rows = [{"instruction": "Halve 48.", "input": "", "output": output} for output in outputs]
    found = findings("false_arithmetic", rows)
    assert found["at"].unique().to_list() == [1, 2]
    first = found.row(0, named=True)
    assert outputs[1][first["start"] : first["end"]] == "48/2=26"
    assert first["detail"] == "48/2=26: it is 24"


def test_other_arithmetics_are_left_alone() -> None:
    row = {"instruction": "Add these binary numbers.", "input": "1 and 1", "output": "1 + 1 = 10"}
    assert findings("false_arithmetic", [row]).is_empty()
