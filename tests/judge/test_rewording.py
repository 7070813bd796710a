"""Rewordings count only if they keep what is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest

from tutelage.data.example import Message
from tutelage.judge import Fence, reword
from tutelage.judge.rewording import keeps

FENCE = Fence(b"s" * 32)


class Writer:
    """Says what it is told to propose, and finds two requests the same unless one says "else"."""

    def __init__(self, proposed: object, first_only: bool = False) -> None:
        self.proposed = proposed
        self.first_only = first_only
        self.pairs = 0

    def __call__(self, questions: Sequence[Sequence[Message]]) -> list[str | None]:
        return [self.said(question[-1].content) for question in questions]

    def said(self, text: str) -> str:
        if "other words" in text:
            return json.dumps({"rewordings": self.proposed})
        self.pairs += 1
        first, second = re.findall(r"<\w+ request \w+>\n(.*?)\n</", text, re.DOTALL)
        same = "else" not in (first if self.first_only else first + second)
        return json.dumps({"reason": "so it is", "same": same})


def test_what_is_found_to_ask_for_the_same_is_kept() -> None:
    writer = Writer(["Give a fruit's name.", "Name something else.", " Name a fruit. ", "Which?"])
    (found,) = reword(writer, ["Name a fruit."], 4, FENCE)
    assert found.kept == ("Give a fruit's name.", "Which?")
    assert found.proposed == 4
    assert writer.pairs == 6  # three candidates in both orders: the text itself is none


def test_both_orders_must_find_it() -> None:
    writer = Writer(["Name something else."], first_only=True)
    (found,) = reword(writer, ["Name a fruit."], 1, FENCE)
    assert found.kept == ()


def test_no_more_are_taken_than_are_wanted_and_none_of_who_writes_no_json() -> None:
    one, other = reword(Writer(["A?", "B?", "C?"]), ["Name a fruit.", "Name a tree."], 2, FENCE)
    assert one == other
    assert (one.kept, one.proposed) == (("A?", "B?"), 2)
    (none,) = reword(lambda questions: ["Sure!"] * len(questions), ["Name a fruit."], 2, FENCE)
    assert (none.kept, none.proposed) == ((), 0)


@pytest.mark.parametrize(
    ("text", "rewording", "kept"),
    [
        ("Name 3 fruits.", "Give the names of 3 fruits.", True),
        ("Name 3 fruits.", "Give the names of three fruits.", False),
        ("Name 3 fruits.", "name  3 FRUITS.", False),
        ('Say "tea" twice.', 'Twice, please, say "tea".', True),
        ('Say "tea" twice.', "Twice, please, say coffee.", False),
        ("Run `ls -l`.", "Please run `ls -a`.", False),
        ("On 12.5.2024 at 10:30, who?", "Who, at 10:30 on 12.5.2024?", True),
        ("Name a fruit.", "", False),
    ],
)
def test_numbers_quotations_and_code_are_kept(text: str, rewording: str, kept: bool) -> None:
    assert keeps(text, rewording) is kept
