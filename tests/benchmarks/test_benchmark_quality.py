"""The table of precision and recall counts what it says, with intervals as published."""

from __future__ import annotations

import pytest

import audit_rows
from audit_quality import Half, Labelled
from audit_quality.__main__ import Share, measure
from audit_quality.source import DATA

ROW = {"instruction": "Name the capital of France.", "output": "Paris"}


def test_intervals_are_wilsons() -> None:
    """Values of Newcombe (1998), table I."""
    assert Share(81, 263).interval() == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert Share(15, 148).interval() == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert Share(0, 20).interval() == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert str(Share(0, 0)) == "none to judge"


def test_precision_and_recall_leave_out_what_is_not_judged() -> None:
    other = {"instruction": "Name the capital of Italy, please.", "output": "Rome"}
    rows = [ROW, ROW, other, ROW, other]
    got = measure(Labelled("exact_duplicate", rows, wrong={0, 1, 3}, unjudged={3}))
    assert (got.rows, got.wrong) == (4, 2)
    assert (got.precision, got.recall) == (Share(1, 2), Share(1, 2))
    assert (got.false, got.missed) == ([4], [0])


def test_the_halves_share_nothing() -> None:
    rows = [{"text": str(number)} for number in range(100)]
    one, other = (Half(held).of("made", rows) for held in (True, False))
    assert sorted([*one, *other], key=lambda row: int(row["text"])) == rows
    assert 30 < len(one) < 70


@pytest.mark.skipif(not (DATA / "alpaca_12k.json").exists(), reason="needs TUTELAGE_DATA's Alpaca")
def test_recombined_rows_are_the_same_for_a_seed_and_know_their_originals() -> None:
    made = list(audit_rows.rows(300, seed=4))
    assert made == list(audit_rows.rows(300, seed=4))
    pairs = [(row, made[original][0]) for row, original in made if original is not None]
    assert pairs
    for row, original in pairs:
        words, others = (set(" ".join(one.values()).split()) for one in (row, original))
        assert len(words & others) >= 0.5 * len(words)
