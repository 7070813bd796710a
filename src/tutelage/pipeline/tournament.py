"""A sweep in its folder: its trials taken from rung to rung, and what came of each.

The plan and the outcomes are in `sweep.json`, written after every stretch; what to do next follows
from the plan and the run folders alone, so a sweep that was killed comes to the same table. A trial
that fails is out until the sweep is resumed, which tries it again: it may have been killed from
outside. What is no trial's fault (a full disk, another process in its folder) ends the sweep.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.pipeline.grid import label
from tutelage.pipeline.halving import better, going_on
from tutelage.pipeline.stages import stage
from tutelage.pipeline.trials import in_process, stretch
from tutelage.report.sweep import build
from tutelage.rundir import RunFolder, TrainLog, held, read_json, write_json
from tutelage.rundir.folder import SWEEP

SCHEMA = 1

FIGURES = (
    *("trainable_parameters", "total_parameters", "learning_rate", "seconds"),
    *("tokens", "supervised_tokens", "best_step", "stopped_early"),
)
"""What is taken over from `training` in a trial's `metrics.json`."""


@dataclass(frozen=True)
class Trial:
    """A trial and what came of it so far.

    Attributes:
        name: of its folder.
        settings: what it varies.
        rungs: the steps at which it may be stopped; the last is its end.
        status: `waiting`, `running` (between rungs), `stopped` (a loser), `finished` or `failed`.
        steps: trained so far.
        losses: at each rung that it reached, its lowest validation loss so far.
        failure: why it failed.
        training: the `FIGURES` of what it has trained.
        peak_memory_bytes: over all its stretches.
    """

    name: str
    settings: dict[str, str]
    rungs: tuple[int, ...]
    status: str = "waiting"
    steps: int = 0
    losses: tuple[float, ...] = ()
    failure: str | None = None
    training: dict[str, Any] | None = None
    peak_memory_bytes: int | None = None

    @property
    def loss(self) -> float | None:
        """At the last rung that it reached."""
        return self.losses[-1] if self.losses else None


class Tournament:
    """The sweep in a folder.

    Args:
        folder: of the sweep.
        name: of the recipe.
        budget: as it was asked for.
        halved: how often the field is halved.
        trials: in the order of the grid.
        page: whether to write `sweep.html`: not where the trials are no choice.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        budget: str | None,
        halved: int,
        trials: list[Trial],
        *,
        page: bool = True,
    ) -> None:
        self.folder = folder
        self.name = name
        self.budget = budget
        self.halved = halved
        self.trials = trials
        self.page = page

    @classmethod
    def open(cls, folder: Path, *, page: bool = True) -> Tournament:
        """The sweep that is there.

        Raises:
            UserError: none is.
        """
        if not (folder / SWEEP).is_file():
            raise UserError(
                f"no sweep: {SWEEP} is missing",
                where=str(folder),
                fix="give the folder that was --out of `tutelage sweep`",
            )
        kept = read_json(folder / SWEEP)
        if kept.get("schema") != SCHEMA:
            raise UserError(
                f"expected schema {SCHEMA}, found {kept.get('schema')!r}",
                where=str(folder / SWEEP),
                fix="sweep anew with this version",
            )
        rows: list[dict[str, Any]] = kept["trials"]
        trials = [
            Trial(**row | {"rungs": tuple(row["rungs"]), "losses": tuple(row["losses"])})
            for row in rows
        ]
        return cls(folder, kept["name"], kept["budget"], kept["halvings"], trials, page=page)

    def run(self) -> dict[str, Any]:
        """Take the trials from rung to rung; what is done already is only read.

        Raises:
            UserError: another process is at it, or no trial came to its end.
        """
        with held(self.folder):
            return self._run()

    def _run(self) -> dict[str, Any]:
        # Without rungs are those that failed before anything was trained.
        field = [at for at, trial in enumerate(self.trials) if trial.rungs]
        for rung in range(self.halved + 1):
            number = going_on(len(self.trials), rung)
            losses = {at: loss for at in field if (loss := self.trials[at].loss) is not None}
            chosen = field if rung == 0 else better(losses, number)
            for at in sorted(set(field) - set(chosen)):
                self._update(at, status="stopped")
            field = [at for at in chosen if self._reach(at, rung)]
        if not field:
            failed = [trial for trial in self.trials if trial.failure]
            raise UserError(
                f"no trial came to its end; the first: {label(failed[0].settings)}: "
                f"{failed[0].failure}",
                where=str(self.folder),
                fix=f"see {self.folder / SWEEP} for all",
            )
        return self.keep()

    def _reach(self, at: int, rung: int) -> bool:
        """Train a trial up to a rung, if it is not there; whether it got there.

        Raises:
            UserError: it cannot be trained now, and that is not its fault.
        """
        trial = self.trials[at]
        run = RunFolder(self.folder / "trials" / trial.name)
        if not self._has_reached(run, trial.rungs[rung]):
            stage(
                f"trial {at + 1} of {len(self.trials)} ({label(trial.settings)}): to step "
                f"{trial.rungs[rung]} of {trial.rungs[-1]}"
            )
            recipe = recipe_of(self.folder, trial.name)
            ended = in_process(stretch, str(recipe), str(run.path), trial.rungs[rung])
            if ended.refusal is not None:
                raise ended.refusal
            failure = str(ended.mistake) if ended.mistake else ended.failure
            if failure is not None:
                stage(f"trial {at + 1} failed: {failure}")
                self._update(at, status="failed", failure=failure)
                return False
        self._read(at, run, rung)
        return True

    @staticmethod
    def _has_reached(run: RunFolder, stop: int) -> bool:
        """Whether a trial is past a stretch; its figures are written when it is."""
        if not run.metrics.exists():
            return False
        training = read_json(run.metrics)["training"]
        return bool(training["steps"] >= stop or training["stopped_early"])

    def _read(self, at: int, run: RunFolder, rung: int) -> None:
        """Take over what a run folder says of a trial."""
        trial = self.trials[at]
        training = read_json(run.metrics)["training"]
        log = TrainLog(run.log)
        stop = trial.rungs[rung]
        seen = [row["loss"] for row in log.rows("validation") if row["step"] <= stop]
        memory = [row["peak_memory_bytes"] for row in log.rows("step")]
        self._update(
            at,
            status="finished" if rung == self.halved else "running",
            steps=training["steps"],
            losses=(*trial.losses[:rung], min(seen)),
            training={name: training[name] for name in FIGURES},
            peak_memory_bytes=max(memory),
            failure=None,
        )

    def _update(self, at: int, **changes: Any) -> None:
        self.trials[at] = replace(self.trials[at], **changes)
        self.keep()

    def keep(self) -> dict[str, Any]:
        """Write `sweep.json`, and the page if there is to be one."""
        finished = {
            at: trial.loss
            for at, trial in enumerate(self.trials)
            if trial.status == "finished" and trial.loss is not None
        }
        is_over = not any(trial.status in ("waiting", "running") for trial in self.trials)
        best = better(finished, 1) if is_over else []
        state = {
            "schema": SCHEMA,
            "name": self.name,
            "budget": self.budget,
            "halvings": self.halved,
            "best": self.trials[best[0]].name if best else None,
            "trials": [asdict(trial) for trial in self.trials],
        }
        write_json(self.folder / SWEEP, state)
        if self.page:
            build(state, self.folder / "sweep.html")
        return state


def recipe_of(folder: Path, trial: str) -> Path:
    """Where a trial's recipe is."""
    return folder / "recipes" / f"{trial}.yaml"
