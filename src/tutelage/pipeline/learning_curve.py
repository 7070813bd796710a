"""What more data would buy: runs on nested subsets, and the curve through their losses.

Behind `tutelage learning-curve`. Every run is a trial of a sweep that stops none: a run folder
under `trials/`, continued where it stands. They differ in how many training examples they have, in
which (the subset's seed) and in the seed of training; validation and test examples are the same.

Every size trains for the recipe's epochs, so the number of steps grows with the subset. With the
same steps for all, the small ones would be trained to pieces and the large ones hardly at all; and
who gets another thousand rows trains on them for as many passes as on the others. That leaves small
subsets with fewer steps, which is part of what having fewer rows means; what a run counts with is
its lowest validation loss, so that passes past the best one do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.model.new_folder import check_vacant
from tutelage.pipeline.stages import stage
from tutelage.pipeline.subsets import (
    SEEDS,
    SHARES,
    VALIDATIONS,
    Subset,
    check_plan,
    on_subset,
    planned,
)
from tutelage.pipeline.tournament import Tournament, Trial, recipe_of
from tutelage.pipeline.trials import in_process, no_validation
from tutelage.recipe import Recipe
from tutelage.recipe import dump as dump_recipe
from tutelage.recipe import load as load_recipe
from tutelage.report.learning_curve import build
from tutelage.rundir import held, read_json, write_json
from tutelage.statistics.learning_curve import REACH
from tutelage.statistics.learning_curve import learning_curve as fit
from tutelage.train.options import validation_interval

CURVE = "learning_curve.json"

SCHEMA = 1

MORE = 1000
"""How many more examples a person asks about first."""

EXAMPLES, SEED = "data.subset.examples", "data.subset.seed"
"""What a trial varies."""


def learning_curve(
    recipe: str | Path,
    out: str | Path,
    overrides: Sequence[str] = (),
    *,
    sizes: Sequence[float] = SHARES,
    seeds: int = SEEDS,
    ask: Sequence[int] = (),
) -> dict[str, Any]:
    """Train on nested subsets, and say what more examples would bring.

    Args:
        recipe: the recipe's file.
        out: the folder to make.
        overrides: settings of all runs.
        sizes: shares of the training examples (up to 1), or numbers of them.
        seeds: runs of each size.
        ask: numbers of training examples to foretell the loss of, besides a thousand more, twice
            and four times the largest subset.

    Returns:
        What `learning_curve.json` holds.

    Raises:
        UserError: the sizes do not make a curve, a run would fail, or more is asked for than a
            curve can say.
    """
    folder = Path(out)
    _check_free(folder)
    check_plan(sizes, seeds)
    written = load_recipe(recipe, overrides).resolved()
    if written.data.validation in (0, []):
        raise no_validation()
    if written.data.subset.examples is not None:
        raise UserError(
            "the recipe trains on a subset already, and a learning curve is of subsets",
            where=EXAMPLES,
            fix="leave it out, and say by --sizes how many examples the runs have",
        )
    stage("preparing the subsets")
    ended = in_process(
        planned, str(recipe), list(overrides), str(folder.parent), tuple(sizes), seeds
    )
    if error := ended.refusal or ended.mistake:
        raise error
    if ended.failure is not None:
        raise UserError(f"no run can be trained: {ended.failure}")
    available, subsets = ended.value
    _check_asked(ask, max(one.examples for one in subsets))
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CURVE, {"schema": SCHEMA, "available": available, "curve": None})
    trials = [_trial(folder, written, one, number) for number, one in enumerate(subsets, start=1)]
    state = Tournament(folder, written.name, None, 0, trials, page=False)
    state.keep()
    return _run(state, ask)


def resume(out: str | Path, ask: Sequence[int] = ()) -> dict[str, Any]:
    """Go on with a learning curve that was stopped; of one that is done, only ask anew.

    Raises:
        UserError: it is none, a run fails again, or too much is asked for.
    """
    folder = Path(out)
    if not (folder / CURVE).is_file():
        raise UserError(
            f"no learning curve: {CURVE} is missing",
            where=str(folder),
            fix="give the folder that was --out of `tutelage learning-curve`",
        )
    state = Tournament.open(folder, page=False)
    _check_asked(ask, max(int(trial.settings[EXAMPLES]) for trial in state.trials))
    return _run(state, ask)


def _trial(folder: Path, whole: Recipe, subset: Subset, number: int) -> Trial:
    """A run's place in the sweep; its recipe is written."""
    train = whole.train
    every = train.validate_every
    changes: dict[str, Any] = {
        "max_steps": subset.steps,
        "seed": (train.seed + subset.seed) % 2**32,
    }
    if subset.steps // validation_interval(every, subset.steps) < VALIDATIONS:
        changes["validate_every"] = subset.steps // VALIDATIONS
    part = on_subset(whole, subset.examples, subset.seed)
    name = f"{number:02d}-{subset.examples}-{subset.seed}"
    dump_recipe(
        part.model_copy(update={"train": train.model_copy(update=changes)}),
        recipe_of(folder, name),
    )
    settings = {EXAMPLES: str(subset.examples), SEED: str(subset.seed)}
    return Trial(name, settings, (subset.steps,))


def _run(state: Tournament, ask: Sequence[int]) -> dict[str, Any]:
    """Train what is not trained yet, and fit the curve."""
    state.run()
    failed = [trial for trial in state.trials if trial.failure]
    if failed:
        raise UserError(
            f"{len(failed)} of {len(state.trials)} runs failed, so there is no curve; the first, "
            f"{failed[0].name}: {failed[0].failure}",
            where=str(state.folder),
            fix=f"try them again: tutelage learning-curve {state.folder} --resume",
        )
    with held(state.folder):
        return _fitted(state, ask)


def _fitted(state: Tournament, ask: Sequence[int]) -> dict[str, Any]:
    """Fit the curve, and write `learning_curve.json` and the page."""
    examples = [int(trial.settings[EXAMPLES]) for trial in state.trials]
    losses = [trial.loss for trial in state.trials if trial.loss is not None]  # all have one
    runs = [
        {
            "name": trial.name,
            "examples": int(trial.settings[EXAMPLES]),
            "seed": int(trial.settings[SEED]),
            "steps": trial.steps,
            "loss": trial.loss,
            "seconds": (trial.training or {})["seconds"],
        }
        for trial in state.trials
    ]
    largest = max(examples)
    wanted = {2 * largest, REACH * largest, *ask}
    if largest + MORE <= REACH * largest:
        wanted.add(largest + MORE)
    found = fit(examples, losses, sorted(wanted))
    kept = {
        "schema": SCHEMA,
        "name": state.name,
        "available": read_json(state.folder / CURVE)["available"],
        "runs": runs,
        "curve": asdict(found),
    }
    write_json(state.folder / CURVE, kept)
    build(kept, state.folder / "learning_curve.html")
    return kept


def _check_asked(ask: Sequence[int], largest: int) -> None:
    for number in ask:
        if not largest < number <= REACH * largest:
            raise UserError(
                f"{number} training examples: a curve measured up to {largest} says something of "
                f"more than these, and of {REACH * largest} at most ({REACH} times)",
                where="--at",
                fix="measure larger subsets first" if number > largest else None,
            )


def _check_free(folder: Path) -> None:
    if (folder / CURVE).exists():
        raise UserError(
            "the folder already holds a learning curve",
            where=str(folder),
            fix=f"go on with it by --resume: tutelage learning-curve {folder} --resume",
        )
    check_vacant(folder)
