"""The benchmark of mixtures: nobody trains on what is asked, and more tasks is not more data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mixtures
from mixtures import DATA, FULL, HELD_OUT, QUICK, TRAINED, Plan, cells, rows, runs


@pytest.mark.parametrize("plan", [FULL, QUICK])
def test_runs_differ_in_tasks_and_not_in_examples(plan: Plan) -> None:
    everything = list(runs(plan))
    trained = [(tasks, examples) for name, tasks, _, examples in everything if "tasks" in name]
    assert {examples for _, examples in trained} == {plan.examples}
    assert all(plan.examples % len(tasks) == 0 for tasks, _ in trained)
    assert trained[-1][0] == TRAINED
    alone = [(tasks, examples) for name, tasks, _, examples in everything if "only" in name]
    assert [task for (task,), _ in alone] == list(TRAINED)
    assert {examples for _, examples in alone} == {plan.examples // len(TRAINED)}
    assert all(set(tasks).isdisjoint(HELD_OUT) for _, tasks, _, _ in everything)


def test_runs_of_another_plan_are_not_taken_for_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def tuned(plan: Plan, *arguments: Any) -> dict[str, Any]:
        made.append(plan)
        return {"seconds": 0.0, "plan": plan.items}

    monkeypatch.setattr(mixtures, "tuned", tuned)
    out = tmp_path / "runs" / "cells.jsonl"
    for plan in (QUICK, QUICK, FULL, FULL):
        found = cells(plan, out, 2)
        assert {cell["plan"] for cell in found.values()} == {plan.items}
        assert len(found) == 2 * len(list(runs(plan)))
    assert [made.count(plan) for plan in (QUICK, FULL)] == [
        2 * len(list(runs(plan))) for plan in (QUICK, FULL)
    ]


def test_what_is_asked_is_in_no_pool() -> None:
    if not DATA.is_dir():
        pytest.skip(f"no data in {DATA}: set TUTELAGE_DATA")
    found = rows(FULL)
    assert set(found) == {*TRAINED, *HELD_OUT}
    for task, part in found.items():
        assert len(part.asked) == FULL.items
        assert {one.source for one in part.asked}.isdisjoint(one.source for one in part.pool)
        assert {one.prompt for one in part.asked}.isdisjoint(one.prompt for one in part.pool)
        assert task in HELD_OUT or len(part.pool) >= FULL.examples // len(TRAINED)
    assert len(found[TRAINED[0]].pool) >= FULL.examples
