"""The accounting: every row has one fate, and nothing that happens loses or doubles a row."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.data import Fate, Ledger, Reason, Source
from tutelage.errors import UserError

ROWS = st.lists(
    st.tuples(st.sampled_from(["a.jsonl", "b.csv"]), st.integers(0, 40)), unique=True, max_size=30
)
MARKS = st.lists(
    st.tuples(
        st.integers(0, 1000),
        st.sampled_from([Fate.CHANGED, Fate.TRUNCATED, Fate.DROPPED]),
        st.sampled_from(list(Reason)),
        st.sampled_from(["", "output: found ''"]),
    ),
    max_size=60,
)


def filled(rows: list[tuple[str, int]]) -> Ledger:
    ledger = Ledger()
    for file, row in rows:
        ledger.register(Source(file, row), "task", "train")
    return ledger


@given(ROWS, MARKS)
def test_rows_read_are_the_sum_of_fates_and_fates_only_get_worse(rows, marks) -> None:
    ledger = filled(rows)
    worst = dict.fromkeys(rows, Fate.KEPT)
    reasons: dict[tuple[str, int], set[Reason]] = {row: set() for row in rows}
    for pick, fate, reason, detail in marks if rows else []:
        row = rows[pick % len(rows)]
        ledger.mark(Source(*row), fate, reason, detail)
        worst[row] = max(worst[row], fate)
        reasons[row].add(reason)
        assert ledger.fate(Source(*row)) == worst[row]
    counts = ledger.counts()
    assert sum(counts.values()) == len(ledger) == len(rows)
    for fate in Fate:
        assert counts[fate.name.lower()] == sum(value == fate for value in worst.values())
    for reason in Reason:
        expected = sum(reason in given_ for given_ in reasons.values())
        assert ledger.reasons().get(reason.code, 0) == expected
    lost = sum(
        worst[row] == Fate.DROPPED and any(reason.lost for reason in reasons[row]) for row in rows
    )
    assert ledger.lost() == lost


@given(ROWS, MARKS)
def test_what_is_written_reads_back(tmp_path_factory, rows, marks) -> None:
    ledger = filled(rows)
    for pick, fate, reason, detail in marks if rows else []:
        ledger.mark(Source(*rows[pick % len(rows)]), fate, reason, detail)
    path = tmp_path_factory.mktemp("ledger") / "ledger.parquet"
    ledger.write(path)
    again = Ledger.read(path)
    assert again.table().equals(ledger.table())
    assert (again.counts(), again.reasons(), again.lost()) == (
        ledger.counts(),
        ledger.reasons(),
        ledger.lost(),
    )


def test_a_row_is_registered_once_and_only_registered_rows_are_marked() -> None:
    ledger = filled([("a", 3)])
    with pytest.raises(ValueError, match="twice"):
        ledger.register(Source("a", 3), "task", "train")
    for unknown in (Source("a", 2), Source("a", 4), Source("b", 3)):
        with pytest.raises(KeyError):
            ledger.mark(unknown, Fate.DROPPED, Reason.OVER_LONG)
    with pytest.raises(ValueError, match="no mark"):
        ledger.mark(Source("a", 3), Fate.KEPT, Reason.OVER_LONG)


def test_too_many_lost_rows_stop_the_run_and_are_named() -> None:
    ledger = filled([("a.jsonl", row) for row in range(100)])
    for row in range(7):
        ledger.mark(Source("a.jsonl", row), Fate.DROPPED, Reason.EMPTY_FIELD, f"output: row {row}")
    ledger.check(0.07)
    with pytest.raises(UserError) as caught:
        ledger.check(0.0699)
    message = str(caught.value)
    assert "7 of 100 rows are lost (7.00%)" in message
    assert "a.jsonl row 0: output: row 0" in message
    assert "a.jsonl row 4" in message
    assert "a.jsonl row 5" not in message
    assert "and 2 more" in message


def test_rows_set_aside_on_purpose_are_not_counted_among_those_that_are_lost() -> None:
    ledger = filled([("a.jsonl", row) for row in range(100)])
    for row in range(90):
        ledger.mark(Source("a.jsonl", row), Fate.DROPPED, Reason.NOT_SAMPLED)
    ledger.mark(Source("a.jsonl", 99), Fate.DROPPED, Reason.OVER_LONG)
    with pytest.raises(UserError, match=r"1 of 10 rows are lost \(10\.00%\)"):
        ledger.check(0.05)


def test_rows_set_aside_on_purpose_are_not_lost_and_do_not_hide_those_that_are() -> None:
    ledger = filled([("a", row) for row in range(1000)])
    for row in range(990):
        ledger.mark(Source("a", row), Fate.DROPPED, Reason.NOT_SAMPLED)
    assert ledger.lost() == 0
    ledger.mark(Source("a", 999), Fate.DROPPED, Reason.OVER_LONG)
    assert ledger.lost_share() == pytest.approx(1 / 10)


def test_a_file_that_is_not_a_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    path.write_text("not parquet")
    with pytest.raises(UserError, match="not a ledger"):
        Ledger.read(path)
