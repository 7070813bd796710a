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


class Deaths:
    """Copies of a run's folder, each as a process that died at that moment would have left it.

    One run gives all of them; that dying in the middle leaves the same is `test_kill`'s to show.

    Args:
        folder: the run's.
        copies: where to put them.
    """

    def __init__(self, folder: Path, copies: Path) -> None:
        self.folder = folder
        self.copies = copies
        self.seen: set[frozenset[tuple[str, bytes]]] = set()
        self.folders: list[Path] = []

    def record(self, row: object) -> None:
        """Be a tracker: a row of the log has been written."""
        self.note()

    def close(self) -> None: ...

    def note(self) -> None:
        """Copy what is there now, unless it was there before."""
        paths = self.folder.rglob("*")
        state = frozenset((str(p), p.read_bytes() if p.is_file() else b"") for p in paths)
        if state not in self.seen:
            self.seen.add(state)
            self.folders.append(self.copies / f"died-{len(self.seen)}")
            shutil.copytree(self.folder, self.folders[-1])


@pytest.mark.parametrize("variant", VARIANTS)
def test_died_after_any_row_of_the_log(tmp_path: Path, variant: str) -> None:
    settings: dict[str, Any] = {
        **VARIANTS[variant],
        "validate_every": 3,
        "checkpoint_every": 2,
        "patience": 9,
    }
    deaths = Deaths(tmp_path / "whole", tmp_path)
    whole = make_loop(tmp_path / "whole", deaths, **settings)
    finished = whole.run(resume=False)
    rows = log_rows(tmp_path / "whole")
    assert len(rows) == len(deaths.folders) == 8 + 3
    for folder in deaths.folders:
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


def before_file_operations(told: Callable[[], None], patch: pytest.MonkeyPatch) -> None:
    """Tell before each of the operations that write and remove checkpoints."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def telling(*arguments: Any, **named: Any) -> Any:
            told()
            return function(*arguments, **named)

        return telling

    patch.setattr(checkpoint, "save_file", wrap(checkpoint.save_file))
    patch.setattr(checkpoint, "write_json", wrap(checkpoint.write_json))
    patch.setattr(checkpoint, "_flush", wrap(checkpoint._flush))
    patch.setattr(atomic, "_flush", wrap(atomic._flush))
    patch.setattr(Path, "rename", wrap(Path.rename))
    patch.setattr(shutil, "rmtree", wrap(shutil.rmtree))
    patch.setattr(os, "unlink", wrap(os.unlink))
    patch.setattr(os, "rmdir", wrap(os.rmdir))


def test_died_at_any_file_operation(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"max_steps": 4, "checkpoint_every": 1, "keep_checkpoints": 1}
    whole = make_loop(tmp_path / "whole", validation=0, **settings)
    deaths = Deaths(tmp_path / "whole", tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        before_file_operations(deaths.note, patch)
        whole.run(resume=False)
    assert len(deaths.folders) > 25
    for folder in deaths.folders:
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
