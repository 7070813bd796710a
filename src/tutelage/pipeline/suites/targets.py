"""What suites are asked of: a run, a model, or one at an endpoint; and where its results go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from tutelage.errors import UserError
from tutelage.infer.options import Served
from tutelage.infer.options import Side as SideName
from tutelage.pipeline.endpoints import is_elsewhere
from tutelage.pipeline.workbench import Workbench, from_recipe, from_run
from tutelage.recipe import Recipe, of_data, to_tune
from tutelage.recipe import load as load_recipe
from tutelage.rundir import RunFolder

EVALUATIONS = "evaluations"
"""The folder in which evaluations of models that are no runs are put."""


@dataclass(frozen=True)
class Target:
    """A run, or a model that is none.

    Attributes:
        name: as it was given.
        run: its folder, if it is a run.
        recipe: with the model.
        served: the model at an endpoint, if it is one; nothing is loaded then.
    """

    name: str
    run: RunFolder | None
    recipe: Recipe
    served: Served | None = None

    def load(self) -> Workbench:
        """The model; of one that is no run, the untouched one is under `as_base`."""
        return from_recipe(self.recipe) if self.run is None else from_run(self.run, self.recipe)


def target(name: str | Path, overrides: Sequence[str] = ()) -> Target:
    """What is named: a run folder, a model's folder, or a model on the hub.

    Raises:
        UserError: a file, or a folder that is neither.
    """
    path = Path(name)
    if path.is_file():
        raise UserError(
            "expected a run folder or a model, found a file",
            where=str(name),
            fix=f"give the folder of a run; {to_tune(name)}",
        )
    if not path.exists() and path.parent != Path() and path.parent.is_dir():
        raise UserError("expected a run folder or a model, found nothing there", where=str(name))
    if path.is_dir() and not (path / "config.json").is_file():
        run = RunFolder.open(path)
        return Target(str(name), run, load_recipe(run.recipe, overrides).resolved())
    base = f"model.base={orjson.dumps(str(name)).decode()}"
    return Target(str(name), None, of_data(["none.jsonl"], [base, *overrides]).resolved())


def at_endpoint(recipe: Recipe, side: SideName) -> Target | None:
    """The model at an endpoint that a recipe has for one of the two; None if it names none."""
    served = recipe.evaluate.endpoint.served(side)
    return None if served is None else Target(served.model, None, recipe, served)


def targets(
    name: str | Path | None, against: str | Path | None, overrides: Sequence[str]
) -> tuple[Target, Target | None]:
    """What is evaluated, and what it is compared with, if that is named.

    Raises:
        UserError: nothing is named, or two things are to be evaluated.
    """
    if name is None:
        tuned = at_endpoint(of_data(["none.jsonl"], overrides).resolved(), "tuned")
        if tuned is None:
            raise UserError(
                "no model is named",
                fix="give a run or a model, or with --endpoint ADDRESS --tuned NAME one elsewhere",
            )
    else:
        tuned = target(name, overrides)
        there = at_endpoint(tuned.recipe, "tuned")
        if tuned.run is None and there is not None:
            raise UserError(
                f"two models are to be evaluated: {name}, and {there.name} at the endpoint",
                fix=f"leave {name} out; or to compare the two: --tuned {there.name} "
                f"--against {name}",
            )
    other = at_endpoint(tuned.recipe, "base") if against is None else target(against, overrides)
    return tuned, other


def folder_of(tuned: Target, other: Target | None, out: str | Path | None) -> Path:
    """Where results go.

    Args:
        tuned: what is evaluated.
        other: what it is compared with, if that is named.
        out: what the user wants.
    """
    if out is not None:
        return Path(out)
    if tuned.run is None:
        return Path(EVALUATIONS) / _slug(tuned, other)
    folder = tuned.run.suites
    if is_elsewhere(tuned.run) and (other is None or other.served is not None):
        return folder  # these two are the run's own
    there = at_endpoint(tuned.recipe, "tuned")
    if there is not None:
        return folder / "against" / _slug(there, other)
    return folder if other is None else folder / "against" / _slug(other, None)


def _slug(one: Target, other: Target | None) -> str:
    """A name for a folder."""
    words = re.sub(r"[^\w.-]+", "-", one.name).strip("-.") or "model"
    return words if other is None else f"{words}-against-{_slug(other, None)}"
