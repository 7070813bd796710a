"""A run that dies and is resumed is the run that never died, bit for bit."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_loop import log_rows, make_loop, same, weights

from tutelage.data.mixture import Mixture
from tutelage.errors import UserError
from tutelage.rundir import atomic
from tutelage.train import checkpoint
from tutelage.train.machine import seeded

VARIANTS = {
    "lora": {"method": "lora"},
    "lora, relatives together": {"method": "lora", "order": "related"},
    "lora, a mixture": {
        "method": "lora",
        # Of 10 and 3 examples an epoch draws some 5 and 8, so four steps as without a mixture.
        "mixture": Mixture(("a", "b"), np.arange(13) % 8 // 5, np.array([4.75, 8.5]), 2),
    },
    "lora with dropout": {"method": "lora", "dropout": 0.3},
    "full with dropout": {"method": "full", "kind": "gpt2", "dropout": 0.3},
    "full bfloat16": {"method": "full", "dtype": torch.bfloat16},
}


class DiedError(BaseException):
    """The process is gone; nothing catches it."""


class DiesAt:
    """A tracker that dies on being told of the nth row of the log."""

    def __init__(self, row: int) -> None:
        self.left = row

    def record(self, row: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise DiedError

    def close(self) -> None: ...


@pytest.mark.parametrize("variant", VARIANTS)
def test_died_after_any_row_of_the_log(tmp_path: Path, variant: str) -> None:
    settings: dict[str, Any] = {
        **VARIANTS[variant],
        "validate_every": 3,
        "checkpoint_every": 2,
        "patience": 9,
    }
    whole = make_loop(tmp_path / "whole", **settings)
    finished = whole.run(resume=False)
    rows = log_rows(tmp_path / "whole")
    assert len(rows) == 8 + 3
    for row in range(1, len(rows) + 1):
        folder = tmp_path / f"died-at-{row}"
        with pytest.raises(DiedError):
            make_loop(folder, DiesAt(row), **settings).run(resume=False)
        with pytest.raises(DiedError):  # and again, soon after
            make_loop(folder, DiesAt(1), **settings).run(resume=True)
        resumed = make_loop(folder, **settings)
        tuned = resumed.run(resume=True)
        assert log_rows(folder) == rows
        assert same(weights(resumed), weights(whole))
        assert (tuned.handed_on, tuned.final_loss) == (finished.handed_on, finished.final_loss)
        mine, theirs = resumed.optimizer.state(), whole.optimizer.state()
        assert all(torch.equal(tensor, mine[name]) for name, tensor in theirs.items())


def test_the_global_random_state_does_not_matter(tmp_path: Path) -> None:
    finished = []
    for seed in (1, 2):
        loop = make_loop(tmp_path / str(seed), dropout=0.3)
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        loop.run(resume=False)
        assert torch.equal(torch.get_rng_state(), before)
        finished.append(weights(loop))
    assert same(*finished)
    other = make_loop(tmp_path / "other", dropout=0.3, seed=1)
    other.run(resume=False)
    assert not same(weights(other), finished[0])


def test_dropout_is_drawn_anew_in_every_pack_of_every_step() -> None:
    def drawn(*place: int) -> float:
        with seeded(*place, torch.device("cpu")):
            return torch.rand(()).item()

    assert drawn(3, 5, 1) == drawn(3, 5, 1)
    places = itertools.product((0, 1, 2**32 - 1), range(5), range(3))
    assert len({drawn(*place) for place in places}) == 45


class Bomb:
    """Dies before the nth of the file operations that write and remove checkpoints."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                raise DiedError
            return function(*arguments, **named)

        return counted

    def arm(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(checkpoint, "save_file", self.wrap(checkpoint.save_file))
        patch.setattr(checkpoint, "write_json", self.wrap(checkpoint.write_json))
        patch.setattr(checkpoint, "_flush", self.wrap(checkpoint._flush))
        patch.setattr(atomic, "_flush", self.wrap(atomic._flush))
        patch.setattr(Path, "rename", self.wrap(Path.rename))
        patch.setattr(shutil, "rmtree", self.wrap(shutil.rmtree))
        patch.setattr(os, "unlink", self.wrap(os.unlink))
        patch.setattr(os, "rmdir", self.wrap(os.rmdir))


def test_died_at_any_file_operation(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"max_steps": 4, "checkpoint_every": 1, "keep_checkpoints": 1}
    whole = make_loop(tmp_path / "whole", validation=0, **settings)
    with pytest.MonkeyPatch.context() as patch:
        bomb = Bomb(0)
        bomb.arm(patch)
        whole.run(resume=False)
    assert bomb.count > 30
    for at in range(1, bomb.count + 1):
        folder = tmp_path / f"died-at-{at}"
        with pytest.MonkeyPatch.context() as patch:
            Bomb(at).arm(patch)
            with pytest.raises(DiedError):
                make_loop(folder, validation=0, **settings).run(resume=False)
        resumed = make_loop(folder, validation=0, **settings)
        for complete in folder.glob("checkpoints/step-*"):
            files = sorted(path.name for path in complete.iterdir())
            assert files == ["progress.json", "state.safetensors"]
        resumed.run(resume=True)
        assert same(weights(resumed), weights(whole))
        assert log_rows(folder) == log_rows(tmp_path / "whole")
        assert [path.name for path in (folder / "checkpoints").iterdir()] == ["step-000004"]


def test_nothing_is_left_of_a_torn_checkpoint(tmp_path: Path) -> None:
    torn = tmp_path / "checkpoints" / ".unfinished-step-000002"
    torn.mkdir(parents=True)
    (torn / "state.safetensors").write_bytes(b"half")
    make_loop(tmp_path, max_steps=1).run(resume=True)
    assert [path.name for path in torn.parent.iterdir()] == ["step-000001"]


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    loop = make_loop(tmp_path)
    first = loop.run(resume=False)

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before = files()
    again = make_loop(tmp_path)
    second = again.run(resume=True)
    assert second.progress == first.progress
    assert (second.final_loss, second.handed_on) == (first.final_loss, first.handed_on)
    assert same(weights(again), weights(loop))
    assert files() == before


def test_resuming_before_the_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    settings = {"checkpoint_every": 5, "validation": 0}
    whole = make_loop(tmp_path / "whole", **settings)
    whole.run(resume=False)
    with pytest.raises(DiedError):
        make_loop(tmp_path / "died", DiesAt(4), **settings).run(resume=False)
    resumed = make_loop(tmp_path / "died", **settings)
    resumed.run(resume=True)
    assert same(weights(resumed), weights(whole))
    assert log_rows(tmp_path / "died") == log_rows(tmp_path / "whole")


def test_another_run_is_not_continued(tmp_path: Path) -> None:
    make_loop(tmp_path, max_steps=2).run(resume=False)
    with pytest.raises(UserError, match="other data, another model or other settings"):
        make_loop(tmp_path, fingerprint="another").run(resume=True)


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path) -> None:
    make_loop(tmp_path, max_steps=2, validation=0).run(resume=False)
    path = tmp_path / "checkpoints" / "step-000002" / "progress.json"
    path.write_text(path.read_text().replace('"worse"', '"wurse"'))
    with pytest.raises(UserError, match="not a checkpoint of this version"):
        make_loop(tmp_path, max_steps=2, validation=0).run(resume=True)


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_stopped_on_purpose_and_resumed_it_is_the_whole_run(tmp_path: Path, stop: int) -> None:
    settings: dict[str, Any] = {"validate_every": 3, "schedule": "cosine"}
    whole = make_loop(tmp_path / "whole", **settings)
    whole.run(resume=False)
    stopped = make_loop(tmp_path / "parts", **settings).run(resume=False, stop_after=stop)
    assert (stopped.progress.step, stopped.stopped_early) == (stop, False)
    assert stopped.steps == whole.steps > 5
    rest = make_loop(tmp_path / "parts", **settings)
    assert rest.run(resume=True, stop_after=99).progress.step == whole.steps
    assert same(weights(rest), weights(whole))
    assert log_rows(tmp_path / "parts") == log_rows(tmp_path / "whole")
