"""Try a small grid of settings under a common budget, and stop the losers early.

Behind `tutelage sweep`. Every trial is an ordinary run folder under `trials/`, stopped at its rungs
and continued from its checkpoints (see `halving`), so any of them can be evaluated, reported or
resumed to its end like any other run. Here is the plan: which trials, how long each, all of them
tried before any is trained; `tournament` has them trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.model.new_folder import check_vacant
from tutelage.pipeline.grid import Combination, axis, combinations, impossible, label
from tutelage.pipeline.halving import Length, halvings, within
from tutelage.pipeline.stages import stage
from tutelage.pipeline.tournament import Tournament, Trial, recipe_of
from tutelage.pipeline.trials import in_process, no_validation, preflight
from tutelage.recipe import dump as dump_recipe
from tutelage.rundir.folder import SWEEP

UNITS = {"steps": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}
"""Of a budget, in steps or in seconds."""


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
        raise no_validation()
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
        dump_recipe(one.recipe.model_copy(update={"train": train}), recipe_of(folder, one.name))
        trials.append(Trial(one.name, one.settings, lengths[at].rungs(halved)))
    state = Tournament(folder, found[0].recipe.name, budget, halved, trials)
    state.keep()
    return state.run()


def resume(out: str | Path) -> dict[str, Any]:
    """Go on with a sweep that was stopped, where it stands.

    Raises:
        UserError: it is not a sweep, or no trial came to an end.
    """
    return Tournament.open(Path(out)).run()


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
        if ended.refusal is not None:
            raise ended.refusal
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
    if (folder / SWEEP).exists():
        raise UserError(
            "the folder already holds a sweep",
            where=str(folder),
            fix=f"go on with it: tutelage sweep {folder} --resume; or choose another --out",
        )
    check_vacant(folder)
