"""`tutelage eval --suite`: suites asked of a run or a model, and of another beside it.

A run is compared with its own base unless another is named; a model stands alone unless one is.
The two are loaded one after the other, and never at the same time but where they share a base.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tutelage.data.example import Example
from tutelage.errors import UserError
from tutelage.evaluate.gates import figures
from tutelage.evaluate.options import EvaluateOptions
from tutelage.pipeline.audited import load_rows
from tutelage.pipeline.export_data import test_items
from tutelage.pipeline.stages import stage
from tutelage.pipeline.suites.asking import KeptReplies
from tutelage.pipeline.suites.job import ask, asker, conclude
from tutelage.pipeline.suites.judges import judge_for
from tutelage.pipeline.suites.planning import Planned, chosen, plan
from tutelage.pipeline.suites.results import KEPT
from tutelage.pipeline.workbench import Workbench, from_recipe, from_run
from tutelage.recipe import Recipe, of_data
from tutelage.recipe import load as load_recipe
from tutelage.report import build as build_report
from tutelage.rundir import RunFolder, held, read_json, write_json

QUICK = 15
"""Questions of a suite with `--quick`."""

EVALUATIONS = "evaluations"
"""The folder in which evaluations of models that are no runs are put."""


@dataclass(frozen=True)
class Target:
    """A run, or a model that is none.

    Attributes:
        name: as it was given.
        run: its folder, if it is a run.
        recipe: with the model.
    """

    name: str
    run: RunFolder | None
    recipe: Recipe

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
        raise UserError("expected a run folder or a model, found a file", where=str(name))
    if path.is_dir() and not (path / "config.json").is_file():
        run = RunFolder.open(path)
        return Target(str(name), run, load_recipe(run.recipe, overrides).resolved())
    base = f"model.base={orjson.dumps(str(name)).decode()}"
    return Target(str(name), None, of_data(["none.jsonl"], [base, *overrides]).resolved())


def evaluate_suites(
    name: str | Path,
    suites: Sequence[str] = (),
    *,
    against: str | Path | None = None,
    out: str | Path | None = None,
    quick: bool = False,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Ask suites of a run or a model, and of what it is compared with.

    Args:
        name: run folder, model folder, or hub id.
        suites: which; `all` for every one there is, none for those of the recipe.
        against: what to compare with; by default a run's own base, and nothing for a model.
        out: where results go; by default into the run, or `evaluations/NAME`.
        quick: ask at most 15 questions of a suite.
        overrides: settings such as `evaluate.suite_files=…`.

    Returns:
        What `results.json` now holds; of a run compared with its base, `metrics.json` has it too,
        and the report shows it.

    Raises:
        UserError: something is not as it must be.
    """
    if quick:
        overrides = [*overrides, f"evaluate.suite_items={QUICK}"]
    tuned = target(name, overrides)
    options = tuned.recipe.evaluate
    wanted = chosen(options, suites)
    if not wanted:
        raise UserError(
            "no suite is named",
            fix="add --suite NAME (`tutelage suites` lists them), or name some in evaluate.suites",
        )
    other = None if against is None else target(against, overrides)
    folder = _folder(tuned, other, out)
    if tuned.run is None:
        return _asked(tuned, other, plan(options, wanted), folder, options)
    judge = judge_for(options.judge, folder, str(name), lambda one: target(one).load())
    with held(tuned.run.path):
        plans = plan(options, wanted, *_examples(tuned.recipe), judge)
        results = _asked(tuned, other, plans, folder, options)
        if other is None and out is None and tuned.run.metrics.exists():
            metrics = read_json(tuned.run.metrics)
            write_json(tuned.run.metrics, metrics | {"suites": results})
            build_report(tuned.run)
    return results


def _asked(
    tuned: Target,
    other: Target | None,
    plans: Sequence[Planned],
    folder: Path,
    options: EvaluateOptions,
) -> dict[str, Any]:
    """Load, ask, let go; then the next."""
    kept = KeptReplies(folder / KEPT)
    sides, models = {}, {}
    if other is not None:
        sides["base"], models["base"] = _told(other, plans, kept, folder, "base"), other.name
        gc.collect()
    if tuned.run is None:
        side = "model" if other is None else "tuned"
        sides[side], models[side] = _told(tuned, plans, kept, folder, side), tuned.name
        return conclude(folder, plans, sides, options, models)
    bench = tuned.load()
    if other is None:
        return _with_its_base(bench, tuned.run, plans, folder)
    sides["tuned"] = ask(asker(bench, kept, tuned.run.model), plans, "tuned", folder)
    models["tuned"] = tuned.name
    return conclude(folder, plans, sides, options, models)


def evaluate_recipe_suites(bench: Workbench, run: RunFolder) -> dict[str, Any]:
    """Ask the suites that a run's recipe names, of its base and its tuned model.

    Args:
        bench: of the run, its tuned model in place; the run is held.
        run: its folder.

    Returns:
        What the suites' `results.json` now holds.

    Raises:
        UserError: a suite's data is not what it must be.
    """
    recipe, folder = bench.recipe, run.suites
    options = recipe.evaluate
    judge = judge_for(options.judge, folder, str(run.path), lambda one: target(one).load())
    plans = plan(options, options.suites, *_examples(recipe), judge)
    return _with_its_base(bench, run, plans, folder)


def _with_its_base(
    bench: Workbench, run: RunFolder, plans: Sequence[Planned], folder: Path
) -> dict[str, Any]:
    """Ask a run's base and its tuned model."""
    kept = KeptReplies(folder / KEPT)
    with bench.as_base():
        base = ask(asker(bench, kept, None), plans, "base", folder)
    tuned = ask(asker(bench, kept, run.model), plans, "tuned", folder)
    models = {"base": bench.recipe.model.base, "tuned": str(run.path)}
    sides = {"base": base, "tuned": tuned}
    metrics = read_json(run.metrics) if run.metrics.exists() else {}
    own = figures(metrics.get("comparison", []))
    return conclude(folder, plans, sides, bench.recipe.evaluate, models, own)


def _told(
    one: Target, plans: Sequence[Planned], kept: KeptReplies, folder: Path, side: str
) -> dict[str, Any]:
    """What a target replies, loaded for this alone."""
    bench = one.load()
    if one.run is not None:
        return dict(ask(asker(bench, kept, one.run.model), plans, side, folder))
    with bench.as_base():
        return dict(ask(asker(bench, kept, None), plans, side, folder))


def _examples(recipe: Recipe) -> tuple[list[Example], list[Example]]:
    """The run's own test examples, for suites that are made of them, and those tuned on."""
    stage("reading the data")
    splits = load_rows(recipe.data)
    return [item.example for item in test_items(recipe, splits)], splits.train


def _folder(tuned: Target, other: Target | None, out: str | Path | None) -> Path:
    if out is not None:
        return Path(out)
    if tuned.run is None:
        return Path(EVALUATIONS) / _slug(tuned, other)
    folder = tuned.run.suites
    return folder if other is None else folder / "against" / _slug(other, None)


def _slug(one: Target, other: Target | None) -> str:
    """A name for a folder."""
    words = re.sub(r"[^\w.-]+", "-", one.name).strip("-.") or "model"
    return words if other is None else f"{words}-against-{_slug(other, None)}"
