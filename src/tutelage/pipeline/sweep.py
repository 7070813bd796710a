"""Try a small grid of settings under a common budget, and stop the losers early.

Behind `tutelage sweep`. Every trial is an ordinary run folder under `trials/`, stopped at its rungs
and continued from its checkpoints (see `halving`), so any of them can be evaluated, reported or
resumed to its end like any other run. The plan and what came of each trial are in `sweep.json`,
written after every stretch; what to do next follows from the run folders alone, so a sweep that was
killed comes to the same table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.pipeline.grid import Combination, axis, combinations, impossible, label
from tutelage.pipeline.halving import Length, better, going_on, halvings, within
from tutelage.pipeline.stages import stage
from tutelage.pipeline.trials import in_process, preflight, stretch
from tutelage.recipe import dump as dump_recipe
from tutelage.report.sweep import build
from tutelage.rundir import RunFolder, TrainLog, held, read_json, write_json

STATE = "sweep.json"
SCHEMA = 1

FIGURES = (
    *("trainable_parameters", "total_parameters", "learning_rate", "seconds"),
    *("tokens", "supervised_tokens", "best_step", "stopped_early"),
)
"""What is taken over from `training` in a trial's `metrics.json`."""

UNITS = {"steps": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}
"""Of a budget, in steps or in seconds."""


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


def sweep(
    recipe: str | Path,
    over: Sequence[str],
    out: str | Path,
    overrides: Sequence[str] = (),
    *,
    budget: str | None = None,
    halve: bool = True,
) -> dict[str, Any]:
    """Train every combination of some settings as far as it deserves.

    Args:
        recipe: the recipe's file, which has all that is not varied.
        over: settings and their values, such as `method=full,lora`.
        out: the folder to make.
        overrides: settings of all trials.
        budget: for all trials together, such as `400steps` or `30min`; None lets each train as
            long as its recipe says.
        halve: stop the worse half at each rung; False trains all to their ends.

    Returns:
        What `sweep.json` holds.

    Raises:
        UserError: a combination is impossible, found out before anything is trained; or no trial
            came to an end.
    """
    folder = Path(out)
    _check_free(folder)
    limit, in_steps = _budget(budget)
    found = combinations(recipe, [axis(text) for text in over], overrides)
    if found[0].recipe.data.validation in (0, []):
        raise UserError(
            "trials are compared by their validation loss, and no examples are set aside for it",
            where="data.validation",
            fix="set it to a share such as 0.05",
        )
    lengths, failures = _preflight(recipe, found, overrides, folder)
    if not lengths:
        raise UserError(f"no trial can run; the first: {next(iter(failures.values()))}")
    halved = halvings(len(found), halve=halve)
    if limit is not None:
        if in_steps:
            lengths = {at: replace(length, unit=1.0) for at, length in lengths.items()}
        cut = within(list(lengths.values()), halved, limit)
        lengths = dict(zip(lengths, cut, strict=True))
    trials = []
    for at, one in enumerate(found):
        if at in failures:
            trials.append(Trial(one.name, one.settings, (), "failed", failure=failures[at]))
            continue
        train = one.recipe.train.model_copy(update={"max_steps": lengths[at].steps})
        dump_recipe(one.recipe.model_copy(update={"train": train}), _recipe(folder, one.name))
        trials.append(Trial(one.name, one.settings, lengths[at].rungs(halved)))
    state = _Sweep(folder, found[0].recipe.name, budget, halved, trials)
    state.keep()
    return state.run()


def resume(out: str | Path) -> dict[str, Any]:
    """Go on with a sweep that was stopped, where it stands.

    Raises:
        UserError: it is not a sweep, or no trial came to an end.
    """
    state = _Sweep.open(Path(out))
    return state.run()


class _Sweep:
    """The sweep in a folder."""

    def __init__(
        self, folder: Path, name: str, budget: str | None, halved: int, trials: list[Trial]
    ) -> None:
        self.folder = folder
        self.name = name
        self.budget = budget
        self.halved = halved
        self.trials = trials

    @classmethod
    def open(cls, folder: Path) -> _Sweep:
        if not (folder / STATE).is_file():
            raise UserError(
                f"no sweep: {STATE} is missing",
                where=str(folder),
                fix="give the folder that was --out of `tutelage sweep`",
            )
        kept = read_json(folder / STATE)
        if kept.get("schema") != SCHEMA:
            raise UserError(
                f"expected schema {SCHEMA}, found {kept.get('schema')!r}",
                where=str(folder / STATE),
                fix="sweep anew with this version",
            )
        rows: list[dict[str, Any]] = kept["trials"]
        trials = [
            Trial(**row | {"rungs": tuple(row["rungs"]), "losses": tuple(row["losses"])})
            for row in rows
        ]
        return cls(folder, kept["name"], kept["budget"], kept["halvings"], trials)

    def run(self) -> dict[str, Any]:
        """Take the trials from rung to rung; what is done already is only read.

        Raises:
            UserError: another process is at it, or no trial came to its end.
        """
        with held(self.folder):
            return self._run()

    def _run(self) -> dict[str, Any]:
        # A failure stays one: what is not the trial's fault ends the sweep before it is noted.
        field = [at for at, trial in enumerate(self.trials) if trial.status != "failed"]
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
                fix=f"see {self.folder / STATE} for all",
            )
        return self.keep()

    def _reach(self, at: int, rung: int) -> bool:
        """Train a trial up to a rung, if it is not there; whether it got there."""
        trial = self.trials[at]
        run = RunFolder(self.folder / "trials" / trial.name)
        if not self._has_reached(run, trial.rungs[rung]):
            stage(
                f"trial {at + 1} of {len(self.trials)} ({label(trial.settings)}): to step "
                f"{trial.rungs[rung]} of {trial.rungs[-1]}"
            )
            recipe = _recipe(self.folder, trial.name)
            ended = in_process(stretch, str(recipe), str(run.path), trial.rungs[rung])
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
        )

    def _update(self, at: int, **changes: Any) -> None:
        self.trials[at] = replace(self.trials[at], **changes)
        self.keep()

    def keep(self) -> dict[str, Any]:
        """Write `sweep.json` and the page."""
        finished = {
            at: trial.loss
            for at, trial in enumerate(self.trials)
            if trial.status == "finished" and trial.loss is not None
        }
        best = better(finished, 1)
        state = {
            "schema": SCHEMA,
            "name": self.name,
            "budget": self.budget,
            "halvings": self.halved,
            "best": self.trials[best[0]].name if best else None,
            "trials": [asdict(trial) for trial in self.trials],
        }
        write_json(self.folder / STATE, state)
        build(state, self.folder / "sweep.html")
        return state


def _preflight(
    recipe: str | Path, found: Sequence[Combination], overrides: Sequence[str], folder: Path
) -> tuple[dict[int, Length], dict[int, str]]:
    """Try every trial before any is trained: how long each is, and which cannot run.

    Raises:
        UserError: some are impossible; all of them are told.
    """
    lengths: dict[int, Length] = {}
    failures: dict[int, str] = {}
    mistakes = []
    for at, one in enumerate(found):
        stage(f"checking trial {at + 1} of {len(found)} ({label(one.settings)})")
        varied = [f"{key}={value}" for key, value in one.settings.items()]
        ended = in_process(preflight, str(recipe), [*overrides, *varied], str(folder.parent))
        if ended.mistake is not None:
            mistakes.append((one.settings, ended.mistake))
        elif ended.failure is not None:
            failures[at] = ended.failure
        else:
            steps, seconds = ended.value
            lengths[at] = Length(steps, one.recipe.train.validate_every, seconds / steps)
    if mistakes:
        raise impossible(mistakes, len(found))
    return lengths, failures


def _recipe(folder: Path, name: str) -> Path:
    """Where a trial's recipe is."""
    return folder / "recipes" / f"{name}.yaml"


def _budget(text: str | None) -> tuple[float | None, bool]:
    """A budget in steps or seconds, and whether it is in steps.

    Raises:
        UserError: it is neither.
    """
    if text is None:
        return None, False
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text.strip()[len(number) :].strip() or "steps"
    try:
        amount = float(number) * UNITS[unit]
    except (ValueError, KeyError):
        amount = 0.0
    if not 0 < amount < float("inf"):
        raise UserError(
            f"expected an amount, found '{text}'",
            where="--budget",
            fix="write it as 400steps, 30min or 2h; it is for all trials together",
        )
    return amount, unit == "steps"


def _check_free(folder: Path) -> None:
    if (folder / STATE).exists():
        raise UserError(
            "the folder already holds a sweep",
            where=str(folder),
            fix=f"go on with it: tutelage sweep {folder} --resume; or choose another --out",
        )
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError("something is there already", where=str(folder), fix="choose another --out")
