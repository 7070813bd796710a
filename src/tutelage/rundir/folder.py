"""The run folder: one place that says what a run leaves and under which name.

Every command after the first takes the folder and nothing else, so it is self-describing: the
resolved recipe, the environment, the fate of every row, the model with its template, the answers
and the figures. A folder is a run folder if it holds `recipe.yaml`, which is written first.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tutelage.errors import UserError

# Each part's name on disk and the command that writes it, in the order of writing.
_PARTS = {
    "recipe.yaml": "tutelage run",
    "environment.json": "tutelage run",
    "ledger.parquet": "tutelage train --resume",
    "audit": "tutelage train --resume",
    "log.jsonl": "tutelage train --resume",
    "checkpoints": "tutelage train --resume",
    "model": "tutelage train --resume",
    "predictions": "tutelage eval",
    "suites": "tutelage eval --suite",
    "metrics.json": "tutelage eval",
    "report.html": "tutelage report",
}


RESULTS = "results.json"
"""What suites came to, in an evaluation's folder and in `suites/` of a run."""

SWEEP = "sweep.json"
"""What a folder of many runs, a sweep or a learning curve, holds in place of a recipe."""


CHECKPOINT = re.compile(r"step-(\d+)")
"""The name of a checkpoint's folder, with its step."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of a run's parts; make one with `create` or `open`.

    Attributes:
        path: the folder.
    """

    path: Path

    @classmethod
    def create(cls, path: str | Path, overwrite: bool = False) -> RunFolder:
        """Make a folder for a new run.

        Args:
            path: where; parent folders are made too.
            overwrite: remove an earlier run that is there. Only parts of a run are removed, and
                only if the folder is a run folder.

        Raises:
            UserError: something else is there, or an earlier run and `overwrite` is false.
        """
        cls.check_free(path, overwrite)
        run = cls(Path(path))
        if run.path.is_dir():
            run.sweep()
            run._clear()
        run.path.mkdir(parents=True, exist_ok=True)
        return run

    @classmethod
    def check_free(cls, path: str | Path, overwrite: bool = False) -> None:
        """Tell whether `create` would succeed, changing nothing.

        Raises:
            UserError: as `create`.
        """
        run = cls(Path(path))
        if run.path.exists() and not run.path.is_dir():
            raise UserError(
                "a file is in the way of the run folder",
                where=str(path),
                fix="choose another --out",
            )
        if not run.path.is_dir() or run._is_empty():
            return
        if not run.recipe.is_file():
            raise UserError(
                "the folder is not empty and not a run folder",
                where=str(path),
                fix="choose another --out",
            )
        if not overwrite:
            stopped = run.stopped()
            raise UserError(
                "the folder already holds a run"
                + (f" whose training was stopped {stopped}" if stopped else ""),
                where=str(path),
                fix=(f"finish it with `tutelage run {path} --resume`, " if stopped else "")
                + "remove it with --overwrite, or choose another --out",
            )

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """The run folder at `path`.

        Raises:
            UserError: it is not a run folder.
        """
        run = cls(Path(path))
        if not run.path.is_dir():
            found = "a file" if run.path.exists() else "nothing there"
            raise UserError(
                f"expected a run folder, found {found}",
                where=str(path),
                fix="give the folder that was --out of `tutelage run` or `train`",
            )
        if (run.path / SWEEP).is_file():
            raise UserError(
                "expected a run folder, found a sweep of several",
                where=str(path),
                fix=f"give one of its runs, such as {run.path / 'trials'}/NAME",
            )
        if not run.recipe.is_file():
            present = ", ".join(sorted(part for part in _PARTS if (run.path / part).exists()))
            raise UserError(
                f"no run folder: recipe.yaml is missing (found: {present or 'no part of a run'})",
                where=str(path),
                fix="give the folder that was --out of `tutelage run` or `train`",
            )
        return run

    @property
    def recipe(self) -> Path:
        """The resolved recipe (YAML)."""
        return self.path / "recipe.yaml"

    @property
    def environment(self) -> Path:
        """Versions, machine and command line (JSON); see `rundir.environment`."""
        return self.path / "environment.json"

    @property
    def ledger(self) -> Path:
        """The fate of every row (Parquet)."""
        return self.path / "ledger.parquet"

    @property
    def audit(self) -> Path:
        """Folder of what an audit of the training data found, where the recipe asks for one."""
        return self.path / "audit"

    @property
    def log(self) -> Path:
        """Steps and validations of training (JSON lines); see `TrainLog`."""
        return self.path / "log.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of training checkpoints."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """Folder of the tuned model: adapter or full weights, tokenizer and chat template."""
        return self.path / "model"

    @property
    def predictions(self) -> Path:
        """Folder of the answers."""
        return self.path / "predictions"

    @property
    def base_predictions(self) -> Path:
        """Answers of the base model with their scores (Parquet)."""
        return self.predictions / "base.parquet"

    @property
    def tuned_predictions(self) -> Path:
        """Answers of the tuned model with their scores (Parquet)."""
        return self.predictions / "tuned.parquet"

    @property
    def suites(self) -> Path:
        """Folder of what suites asked and found."""
        return self.path / "suites"

    @property
    def metrics(self) -> Path:
        """Every number of the report (JSON)."""
        return self.path / "metrics.json"

    @property
    def report(self) -> Path:
        """The report (one HTML file)."""
        return self.path / "report.html"

    def require(self, part: Path) -> Path:
        """`part`, one of the paths above, if it is there.

        Raises:
            UserError: it is missing; the message names the command that writes it.
        """
        if part.exists():
            return part
        if part == self.model and not self._trains():
            raise UserError(
                "the run has no model: both that it compares are at endpoints",
                where=str(self.path),
                fix="`tutelage eval` and `tutelage report` are for it",
            )
        name = part.relative_to(self.path)
        if part == self.model and (stopped := self.stopped()):
            raise UserError(
                f"the run has no model yet: its training was stopped {stopped}",
                where=str(self.path),
                fix=f"continue it with `tutelage train {self.path} --resume`",
            )
        verb, *options = _PARTS[name.parts[0]].split()[1:]
        raise UserError(
            f"the run has no {name} yet",
            where=str(self.path),
            fix=f"`{' '.join(['tutelage', verb, str(self.path), *options])}` writes it",
        )

    def stopped(self) -> str | None:
        """Where training was stopped, in words; None if it came to its end or never began."""
        if self.model.exists() or not self.ledger.exists() or not self._trains():
            return None
        found = (CHECKPOINT.fullmatch(path.name) for path in self.checkpoints.glob("*"))
        steps = [int(name[1]) for name in found if name]
        return f"after step {max(steps)}" if steps else "before its first checkpoint"

    def _trains(self) -> bool:
        """Whether it has a model at all: both may be at endpoints."""
        return self.log.exists() or not self.metrics.exists()

    def sweep(self) -> None:
        """Remove the temporary files of a command that was killed; only while no other writes."""
        for left in self.path.glob(".*.tmp"):
            left.unlink(missing_ok=True)

    def _is_empty(self) -> bool:
        """Whether nothing is there but what `sweep` would remove."""
        swept = set(self.path.glob(".*.tmp"))
        return all(entry in swept for entry in self.path.iterdir())

    def _clear(self) -> None:
        # The recipe goes last: killed half-way, the folder is still known as a run.
        for part in reversed(_PARTS):
            target = self.path / part
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
