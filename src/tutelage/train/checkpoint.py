"""Checkpoints from which a run continues exactly.

The order of examples, the learning rate and dropout are functions of the step, so a checkpoint is
small: master weights, AdamW's running means, and a few numbers. It is written under another name,
flushed, and renamed, and loses its name again before it is removed; so a folder with its final
name is complete, whatever moment the run was killed at. Safetensors and JSON only, so a checkpoint
cannot run code.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from tutelage.errors import UserError
from tutelage.rundir import CHECKPOINT, read_json, write_json

_UNFINISHED = ".unfinished-"
"""Begins the name of what is being written or removed."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        step: optimizer steps done.
        best_loss: lowest validation loss so far, None before the first validation.
        best_step: the step it was measured at.
        worse: validations in a row without a lower loss.
        seconds: time spent in training up to here, over all sittings.
        supervised_tokens: trained on so far.
        tokens: logical tokens seen so far.
        computed_tokens: tokens computed so far, shared prefixes once.
        fingerprint: of what was being trained on what; another one cannot be continued.
    """

    step: int = 0
    best_loss: float | None = None
    best_step: int | None = None
    worse: int = 0
    seconds: float = 0.0
    supervised_tokens: int = 0
    tokens: int = 0
    computed_tokens: int = 0
    fingerprint: str = ""


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they are kept.
        keep: how many of the newest to keep; the best one is kept besides.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    def save(self, progress: Progress, tensors: Mapping[str, Tensor]) -> None:
        """Write a checkpoint whole or not at all, then remove the ones no longer needed."""
        self._clean()
        final = self._path(progress.step)
        unfinished = self.folder / f"{_UNFINISHED}{final.name}"
        unfinished.mkdir(parents=True)
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(contiguous, unfinished / "state.safetensors")
        _flush(unfinished / "state.safetensors")
        write_json(unfinished / "progress.json", asdict(progress))
        _flush(unfinished)
        unfinished.rename(final)
        _flush(self.folder)
        self._prune(progress.best_step)

    def tidy(self, best_step: int | None) -> None:
        """Remove what a killed run left: what is half written, half removed or not needed."""
        self._clean()
        self._prune(best_step)

    def latest(self, fingerprint: str) -> Progress | None:
        """Progress of the newest complete checkpoint, if there is one.

        Args:
            fingerprint: of the run that is to be continued.

        Raises:
            UserError: the checkpoint is of another run.
        """
        steps = self._steps()
        if not steps:
            return None
        progress = self.progress(steps[-1])
        if progress.fingerprint != fingerprint:
            raise UserError(
                "the checkpoint was made with other data, another model or other settings",
                where=str(self.folder),
                fix="resume with the run's own recipe and data, or train anew into another --out",
            )
        return progress

    def progress(self, step: int) -> Progress:
        """Progress of the checkpoint at `step`."""
        fields = read_json(self._path(step) / "progress.json")
        try:
            return Progress(**fields)
        except TypeError as error:
            raise UserError(
                f"not a checkpoint of this version: {error}",
                where=str(self._path(step)),
                fix="remove the checkpoint, or train anew into another --out",
            ) from error

    def tensors(self, step: int) -> dict[str, Tensor]:
        """Tensors of the checkpoint at `step`."""
        with safe_open(self._path(step) / "state.safetensors", framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:06d}"

    def _steps(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        found = (CHECKPOINT.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(match[1]) for match in found if match)

    def _prune(self, best_step: int | None) -> None:
        for step in self._steps()[: -self.keep]:
            if step != best_step:
                path = self._path(step)
                path.rename(path.with_name(f"{_UNFINISHED}{path.name}"))
        self._clean()

    def _clean(self) -> None:
        for left in self.folder.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
