"""The benchmark of mixtures: nobody trains on what is asked, and more tasks is not more data."""

from __future__ import annotations

import pytest

from mixtures import DATA, FULL, HELD_OUT, QUICK, TRAINED, Plan, rows, runs


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
