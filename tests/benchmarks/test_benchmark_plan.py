"""In which order the tuning benchmark runs its cells."""

from __future__ import annotations

import pytest

import tuning_speed
from tuning.works import CONTENDERS, OURS, WORKS


def test_every_peer_has_a_cell_of_ours_beside_it() -> None:
    planned = list(tuning_speed.plan(list(WORKS), CONTENDERS, rounds=2, most=2))
    pairs = list(zip(planned[::2], planned[1::2], strict=True))
    assert all(first.work == second.work for first, second in pairs)
    assert all(OURS in (first.contender, second.contender) for first, second in pairs)
    assert all(first.contender != second.contender for first, second in pairs)
    assert len(set(planned)) == len(planned) == 2 * 2 * 2 * len(WORKS)


def test_first_peers_of_all_works_come_before_any_second_one() -> None:
    planned = list(tuning_speed.plan(list(WORKS), CONTENDERS, rounds=1, most=len(CONTENDERS)))
    peers = [cell for cell in planned if cell.contender != OURS]
    assert [cell.work for cell in peers[: len(WORKS)]] == list(WORKS)


@pytest.mark.parametrize(
    ("only", "expected"), [([OURS], [OURS] * 2), (["trl-flat"], ["trl-flat"] * 2)]
)
def test_only_what_was_asked_for_runs(only: list[str], expected: list[str]) -> None:
    planned = list(tuning_speed.plan(["alpaca"], only, rounds=2, most=len(CONTENDERS)))
    assert [cell.contender for cell in planned] == expected
