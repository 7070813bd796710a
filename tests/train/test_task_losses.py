"""The losses of the tasks: each is the task's own, and together they are the loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from forests import examples
from made_loop import log_rows, made_preferences, made_sequences, make_loop

from tutelage.rundir import TrainLog
from tutelage.train.example import TrainingExample
from tutelage.train.loop import Loop

TASKS = ("sums", "words", "maps")


def by_task(made: list[TrainingExample]) -> list[TrainingExample]:
    return [replace(one, task=TASKS[at % 3]) for at, one in enumerate(made)]


def figures_of(loop: Loop, made: list[TrainingExample]):
    packs = loop.passes.packs(loop.passes.with_reference(made))
    return loop.passes.figures(packs)


@pytest.mark.parametrize("objective", ["supervised", "dpo", "unlikelihood"])
def test_each_task_has_the_loss_of_its_examples_alone(tmp_path: Path, objective: str) -> None:
    loop = make_loop(tmp_path, objective=objective, method="full", validation=0)
    if objective == "supervised":
        made = by_task(examples(made_sequences(11, seed=3)))
    else:
        made = by_task(made_preferences(11, seed=3))
    found = figures_of(loop, made)
    assert set(found.tasks) == set(TASKS)
    for task, part in found.tasks.items():
        alone = figures_of(loop, [one for one in made if one.task == task])
        assert part.loss == pytest.approx(alone.loss, abs=2e-5)
        assert part.weight == alone.tasks[task].weight
    total = sum(part.weight for part in found.tasks.values())
    mean = sum(part.loss * part.weight for part in found.tasks.values()) / total
    assert found.loss == pytest.approx(mean, abs=2e-5)


def test_every_row_of_the_log_has_them(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, validate_every=2)
    loop.examples = by_task(list(loop.examples))
    loop.run(resume=False)
    rows = TrainLog(tmp_path / "log.jsonl").rows()
    for row in rows:
        parts = row["tasks"].values()
        assert sum(part["weight"] for part in parts) == row["supervised_tokens"]
        mean = sum(part["loss"] * part["weight"] for part in parts) / row["supervised_tokens"]
        assert row["loss"] == pytest.approx(mean, abs=2e-5)
    assert any(len(row["tasks"]) == 3 for row in rows if row["event"] == "step")
    assert all(set(row["tasks"]) == {"made"} for row in rows if row["event"] == "validation")
    assert len(log_rows(tmp_path)) == len(rows)
