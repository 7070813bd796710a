"""The kinds beyond IFEval's: texts that meet them and texts that do not, options, hostile texts."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kind_cases import CASES

from tutelage.constraints import CONSTRAINTS, constraint, holds, holds_loosely
from tutelage.constraints.bounds import Bounded
from tutelage.constraints.own import load_kinds
from tutelage.constraints.parts import prose_and_code, words
from tutelage.constraints.reference import written
from tutelage.errors import UserError

RECORDED = Path(__file__).parent / "ifeval_verdicts.jsonl"
PUBLISHED = {json.loads(line)["id"] for line in RECORDED.read_text("utf-8").splitlines()}


def test_there_are_cases_of_every_kind_that_is_not_published():
    others = {name for name in CONSTRAINTS.names() if not name.startswith("plain:")}
    assert set(CASES) == others - PUBLISHED
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_what_meets_a_kind_and_what_does_not(name: str):
    for kwargs, met, broken in CASES[name]:
        wanted = constraint(name, kwargs)
        for text in met:
            assert holds(wanted, text), (kwargs, text)
            assert holds_loosely(wanted, f"Sure, here it is:\n{text}"), (kwargs, text)
        for text in broken:
            assert not holds(wanted, text), (kwargs, text)
        assert not holds(wanted, " \n")


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("count:words", {}, "expected exactly, at_least or at_most, found none of them"),
        ("count:words", {"exactly": 3, "at_most": 4}, "exactly excludes at_least and at_most"),
        ("count:words", {"at_least": 4, "at_most": 3}, "at_least is 4, more than at_most, 3"),
        ("count:words", {"exactly": -1}, "-1"),
        ("count:words", {"exactly": "3"}, "option 'exactly': expected a valid integer, found '3'"),
        ("count:words", {"exakt": 3}, "did you mean exactly"),
        ("count:keyword", {"exactly": 2}, "needs the option 'keyword'"),
        ("order:terms", {"terms": ["one"]}, "at least 2 items"),
        ("words:initial", {"letter": "ab"}, "'letter'"),
        ("markdown:headings", {"level": 7}, "7"),
        ("data:json_schema", {"json_schema": {"type": "strin"}}, "found a fault in it"),
        (
            "data:json_schema",
            {"json_schema": {"$ref": "http://a.example/b"}},
            "found a fault in it",
        ),
        ("data:json_schema", {"json_schema": {"pattern": "(?=a)"}}, "found a fault in it"),
        ("data:regular_expression", {"pattern": "(a"}, "expected a regular expression"),
        ("data:regular_expression", {"pattern": r"(a)\1"}, "back-references"),
        ("data:regular_expression", {"pattern": "(?x)a # b"}, "expected a regular expression"),
        ("data:label_set", {"labels": []}, "'labels'"),
        ("presence:dates", {"form": "YY"}, "'YYYY-MM-DD'"),
        ("punctuation:forbidden", {"marks": "ab"}, "'marks'"),
    ],
)
def test_options_that_cannot_be(name: str, kwargs: dict, message: str):
    with pytest.raises(UserError) as raised:
        constraint(name, kwargs, where="row 7")
    assert message in str(raised.value)


@given(
    st.integers(0, 9),
    st.integers(0, 5) | st.none(),
    st.integers(5, 9) | st.none(),
)
def test_a_range_is_what_two_bounds_say(number: int, low: int | None, high: int | None):
    kwargs = {"at_least": low, "at_most": high}
    if low is None and high is None:
        return
    wanted = constraint("count:words", kwargs)
    assert isinstance(wanted, Bounded)
    assert wanted.within(number) == all(
        [low is None or number >= low, high is None or number <= high]
    )


@given(st.lists(st.sampled_from(["tide", "don't", "sea-salt", "42", "—", "…"]), max_size=9))
def test_words_are_what_is_between_spaces_and_holds_a_letter(parts: list[str]):
    assert words(" ".join(f"“{part}”," for part in parts)) == [
        part for part in parts if part not in "—…"
    ]


@given(st.lists(st.sampled_from(["```", "```py", "~~~", "text", "  ", "````"]), max_size=9))
def test_code_and_prose_take_every_line_once_at_most(parts: list[str]):
    prose, blocks = prose_and_code("\n".join(parts))
    assert len(prose) + sum(2 + len(code.lines) for code in blocks) <= max(1, len(parts))


@given(st.lists(st.integers(0, 99), min_size=2, max_size=6))
def test_a_sorted_list_is_in_order_and_its_reverse_is_in_falling_order(found: list[int]):
    rising = "\n".join(f"- {number} boats" for number in sorted(found))
    falling = "\n".join(f"- {number} boats" for number in sorted(found, reverse=True))
    assert holds(constraint("order:numerical", {}), rising)
    assert holds(constraint("order:numerical", {"descending": True}), falling)
    assert holds(constraint("order:numerical", {}), falling) == (len(set(found)) == 1)


@given(st.text(alphabet=" \n#->|`~*[](){}:,;.\"'“”„«»!?&%@<>a1ä\ud800🙂", max_size=60))
def test_any_text_gets_a_verdict(text: str):
    for name, cases in CASES.items():
        for kwargs, _, _ in cases[:1]:
            assert holds(constraint(name, kwargs), text) in {True, False}


MARKS = r"""< [ * ** . !* a. a@ # | |- [1 [^ " “a http:// (a (( 1, { {a: <a> [x]( é 1990-"""
UNITS = [
    *["\n", "\t", "- ", "# ", "> ", "1. ", "a: ", "- - ", "(2020 ", "```\n", "~~~a\n", "|-\n"],
    *MARKS.split(),
    *["- &a\n", "a: 1\n", "🙂\u200d", "1\ufe0f"],
]


def test_hostile_responses_take_time_in_proportion():
    texts = [unit * (20_000 // len(unit)) for unit in UNITS] + ["a" + "." * 20_000 + "a"]
    wanted = [constraint(name, cases[0][0]) for name, cases in CASES.items()]
    slow: dict[str, float] = {}
    for each, name in zip(wanted, CASES, strict=True):
        begin = time.process_time()
        for text in texts:
            holds(each, text)
        slow[name] = time.process_time() - begin
    assert {name: seconds for name, seconds in slow.items() if seconds > 1} == {}


def test_hostile_yaml_is_read_up_to_a_length():
    wanted = constraint("data:yaml", {})
    begin = time.process_time()
    for text in ("a: " + "{" * 5_000, "[{a: " * 60, "- &a\n" * 900):
        holds(wanted, text)
    assert time.process_time() - begin < 1
    assert holds(wanted, "- a\n" * 500 + "- " + "[" * 90 + "]" * 90)
    assert not holds(wanted, "- a\n" * 2_501)


PAGE = (Path(__file__).parents[2] / "docs" / "constraints.md").read_text("utf-8")


def test_the_page_has_every_kind_as_it_is():
    assert written(PAGE) == PAGE, (
        "run `python -m tutelage.constraints.reference docs/constraints.md`"
    )
    assert all(f"| `{name}` |" in PAGE for name in CONSTRAINTS.names())


def test_the_pages_kind_of_ones_own(tmp_path: Path):
    file = tmp_path / "kinds.py"
    file.write_text(PAGE.split("```python\n")[2].split("```")[0], "utf-8")
    load_kinds(file)
    try:
        signed = constraint("own:signed", {"name": "Ann"})
        assert holds(signed, "Dear Ben,\nall is well.\n- Ann\n")
        assert not holds(signed, "- Ann, who is well")
        assert written(PAGE) == PAGE
    finally:
        CONSTRAINTS.forget("own:signed")


def test_merges_of_merges_are_no_answer():
    merged = "".join(
        f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 10)}]}}\n"
        for before, name in pairwise("abcdefghij")
    )
    wanted = constraint("data:yaml", {})
    assert holds(wanted, "a: &a {x: 1}\nb:\n  <<: *a\n  y: 2")
    begin = time.process_time()
    assert not holds(wanted, f"a: &a {{x: 1}}\n{merged}")
    assert time.process_time() - begin < 5
