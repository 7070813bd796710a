"""Where a model that says nothing would be right, whoever relies on the score is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.evaluate.options import EvaluateOptions, TaskEvaluation
from tutelage.evaluate.scoring import Item
from tutelage.evaluate.silence import LONGEST, silence_note, silence_notes
from tutelage.evaluate.suite import SUITES, Given
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.metrics import METRICS

TEXTS = st.text("aAnN the.!b1", max_size=LONGEST)


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=3), min_size=1, max_size=5))
def test_it_counts_what_the_metric_gives_silence(references: list[list[str]]) -> None:
    right = METRICS.get("exact_match").score([""] * len(references), references).per_item
    surprising = sum(
        value == 1 and all(map(str.strip, accepted))
        for value, accepted in zip(right, references, strict=True)
    )
    notes = silence_note(["exact_match"], references)
    assert len(notes) == (surprising > 0)
    assert not notes or f"right on {surprising} of {len(references)} items" in notes[0]


def test_the_reference_that_is_shown_is_the_one_of_which_nothing_is_left() -> None:
    (note,) = silence_note(["bleu", "exact_match"], [["sun"], ["letter A", "A"]])
    assert "on 1 of 2" in note and "whose reference is 'A'" in note


def test_silence_that_is_asked_for_is_no_surprise() -> None:
    assert silence_note(["exact_match"], [["", "the"], [" "]]) == []


def test_tasks_are_told_apart_and_their_expressions_obeyed() -> None:
    options = EvaluateOptions(
        metrics=["exact_match"],
        tasks={
            "letter": TaskEvaluation(extract="[A-D]"),
            "strict": TaskEvaluation(metrics=["exact_text"]),
        },
    )
    items = [
        Item("letter", False, ("Answer: A",)),
        Item("letter", False, ("Answer: B",)),
        Item("strict", False, ("A",)),
        Item("word", False, ("sun",)),
    ]
    (note,) = silence_notes(items, options)
    assert note.startswith("task 'letter': exact_match would call an empty answer right on 1 of 2")


@pytest.mark.parametrize(("metric", "told"), [("exact_match", 1), ("exact_text", 0)])
def test_a_suite_of_ones_own_tells_it(tmp_path: Path, metric: str, told: int) -> None:
    data = tmp_path / "letters.jsonl"
    data.write_text(
        '{"instruction": "A or B?", "output": "A"}\n{"instruction": "B or C?", "output": "B"}\n'
    )
    given_ = Given(SuiteOptions(suite="dataset", data=[{"path": str(data)}]), metrics=[metric])
    suite = SUITES.get("dataset")
    notes = suite.notes(given_, suite.questions(given_))
    assert len(notes) == told
