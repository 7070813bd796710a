"""Runs with DPO and unlikelihood: any grouping, any interruption, and they learn."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from forests import KeepFloat64
from made_loop import log_rows, made_preferences, make_loop, same, weights

from tutelage.rundir import TrainLog
from tutelage.train.loop import Loop

VARIANTS: dict[str, dict[str, Any]] = {
    "dpo, lora": {"objective": "dpo", "method": "lora"},
    "dpo, full": {"objective": "dpo", "method": "full"},
    "unlikelihood, lora": {"objective": "unlikelihood", "method": "lora"},
}


class StopsAt:
    """A tracker that interrupts the run at the nth row of its log."""

    def __init__(self, row: int) -> None:
        self.left = row

    def record(self, row: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def close(self) -> None: ...


def steps(folder: Path) -> list[dict[str, Any]]:
    return TrainLog(folder / "log.jsonl").rows("step")


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_grouping_changes_nothing(tmp_path: Path, variant: str) -> None:
    found = []
    with KeepFloat64():
        for budget in (16, 90, 10_000):
            folder = tmp_path / str(budget)
            loop = make_loop(
                folder,
                **VARIANTS[variant],
                dtype=torch.float64,
                count=8,
                batch_size=8,
                micro_batch_tokens=budget,
            )
            found.append(
                (len(loop.passes.packs(loop.examples)), loop, loop.run(resume=False), folder)
            )
    assert found[0][0] >= 8 and found[2][0] == 1
    first = steps(found[0][3])
    for _, loop, _, folder in found[1:]:
        for row, same_row in zip(steps(folder), first, strict=True):
            for key in ("loss", "gradient_norm", "reward_margin", "likelihood_loss"):
                if key in row:
                    assert row[key] == pytest.approx(same_row[key], rel=1e-6, abs=1e-9)
        for name, tensor in weights(found[0][1]).items():
            torch.testing.assert_close(weights(loop)[name], tensor, rtol=0, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_interrupted_run_ends_as_the_whole_one(tmp_path: Path, variant: str) -> None:
    settings = {
        **VARIANTS[variant],
        "kind": "gpt2",
        "dropout": 0.3,
        "validate_every": 3,
        "checkpoint_every": 2,
    }
    whole = make_loop(tmp_path / "whole", **settings)
    finished = whole.run(resume=False)
    rows = log_rows(tmp_path / "whole")
    for row in (1, 4, len(rows)):
        folder = tmp_path / str(row)
        with pytest.raises(KeyboardInterrupt):
            make_loop(folder, StopsAt(row), **settings).run(resume=False)
        resumed = make_loop(folder, **settings)
        tuned = resumed.run(resume=True)
        assert log_rows(folder) == rows
        assert same(weights(resumed), weights(whole))
        assert tuned.final_loss == finished.final_loss


def test_dpo_begins_at_indifference_and_learns_the_order(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, objective="dpo", epochs=12, dropout=0.0)
    loop.run(resume=False)
    rows = steps(tmp_path)
    # The model is its own reference: every margin is 0, every loss log 2.
    assert rows[0]["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert rows[0]["reward_margin"] == pytest.approx(0, abs=1e-4)
    assert rows[-1]["loss"] < 0.3 and rows[-1]["reward_margin"] > 1
    assert rows[-1]["pair_accuracy"] == 1
    validations = TrainLog(tmp_path / "log.jsonl").rows("validation")
    assert {"loss", "reward_margin", "pair_accuracy"} <= validations[-1].keys()


def test_a_dpo_step_is_the_mean_over_its_pairs(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, objective="dpo", max_steps=1, batch_size=13, validation=0)
    packs = loop.passes.packs(loop.examples)
    pairs = sum(sum(loop.passes.objective.weights(pack)) for pack in packs)
    assert pairs == sum(len(example.negatives) for example in made_preferences(13)) == 19
    assert all(len(pack) <= 48 or len(pack.examples) == 1 for pack in packs)
    held = [example.source.row for pack in packs for example in pack.examples]
    assert sorted(held) == list(range(13))  # no example is parted


def test_unlikelihood_makes_the_desired_likelier_and_the_undesired_less(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, objective="unlikelihood", epochs=12)
    loop.run(resume=False)
    first, *_, last = steps(tmp_path)
    for row in (first, last):
        assert row["likelihood_loss"] + row["unlikelihood_loss"] == pytest.approx(row["loss"])
    assert last["likelihood_loss"] < first["likelihood_loss"] / 2
    assert last["unlikelihood_loss"] < 0.5


def test_the_base_is_asked_before_a_checkpoint_is_loaded(tmp_path: Path) -> None:
    """Full fine-tuning has no base left afterwards."""
    settings: dict[str, Any] = {"objective": "dpo", "method": "full", "checkpoint_every": 1}
    asked = []

    class Watched(Loop):
        def _ask_base(self) -> float:
            seconds = super()._ask_base()
            asked.append([example.reference for example in self.examples])
            return seconds

    with pytest.raises(KeyboardInterrupt):
        make_loop(tmp_path, StopsAt(4), loop=Watched, **settings).run(resume=False)
    make_loop(tmp_path, loop=Watched, **settings).run(resume=True)
    assert asked[0] == asked[1]


def test_trying_the_largest_step_needs_no_run(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, objective="dpo")
    assert loop.try_pack(loop.longest()[0]) == []
    assert all(not example.reference for example in loop.examples)
