"""`tutelage eval --suite`: suites asked of a run or a model, and of another beside it.

A run is compared with its own base unless another is named; a model stands alone unless one is.
The two are loaded one after the other, and never at the same time but where they share a base.
Either may be a model at an endpoint, which `evaluate.endpoint` names, as for a run's own items.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tutelage.data.example import Example
from tutelage.errors import UserError
from tutelage.evaluate.gates import Found, figures
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.suite import SUITES
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.infer.endpoint.errand import Errand
from tutelage.pipeline.audited import load_rows
from tutelage.pipeline.endpoints import (
    SETTINGS,
    SIDES,
    check_both,
    check_keys,
    is_elsewhere,
    questions_again,
)
from tutelage.pipeline.prepare import prepare, read
from tutelage.pipeline.suites.asking import KeptReplies
from tutelage.pipeline.suites.job import Side, ask, asker, conclude
from tutelage.pipeline.suites.judges import judge_for
from tutelage.pipeline.suites.planning import Planned, check_conditions, chosen, plan
from tutelage.pipeline.suites.results import KEPT
from tutelage.pipeline.suites.served import ServedAsker
from tutelage.pipeline.suites.targets import Target, at_endpoint, folder_of, target, targets
from tutelage.pipeline.train import check_same_items
from tutelage.pipeline.workbench import Workbench
from tutelage.recipe import Recipe
from tutelage.report import build as build_report
from tutelage.report import build_evaluation
from tutelage.rundir import RunFolder, held, made, read_json, write_json

QUICK = 15
"""Questions of a suite with `--quick`."""
QUICK_STEPS = 4
"""Steps of a search with `--quick`."""
QUICK_TOKENS = 256
"""Longest answer with `--quick`: of 15 questions one at least is answered without end, and all wait
for it."""


def evaluate_suites(
    name: str | Path | None = None,
    suites: Sequence[str] = (),
    *,
    against: str | Path | None = None,
    out: str | Path | None = None,
    quick: bool = False,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Ask suites of a run or a model, and of what it is compared with.

    Args:
        name: run folder, model folder, or hub id; None for `evaluate.endpoint.tuned` alone.
        suites: which; `all` for every one there is, none for those of the recipe.
        against: what to compare with; by default `evaluate.endpoint.base`, else a run's own base,
            and nothing for a model.
        out: where results go; by default into the run, or `evaluations/NAME`.
        quick: ask at most 15 questions of a suite for answers of at most 256 tokens, and search 4
            steps.
        overrides: settings such as `evaluate.suite_files=…`.

    Returns:
        What `results.json` now holds; of a run compared with its base, `metrics.json` has it too,
        and the run's report shows it. Any other evaluation has a report of its own beside it.

    Raises:
        UserError: something is not as it must be.
    """
    tuned, other = targets(name, against, overrides)
    options = tuned.recipe.evaluate
    check_keys(options)
    wanted = chosen(options, suites)
    if quick:
        longest = min(QUICK_TOKENS, options.suite_max_new_tokens or QUICK_TOKENS)
        options = options.model_copy(update={"suite_max_new_tokens": longest})
        wanted = [_quick(one, options.suite_items) for one in wanted]
    if not wanted:
        raise UserError(
            "no suite is named",
            fix="add --suite NAME (`tutelage suites` lists them), or name some in evaluate.suites",
        )
    folder = folder_of(tuned, other, out)
    if tuned.run is None:
        with made(folder):
            plans = plan(options, wanted)
            check_conditions(options, plans, ())
            sides = {"model" if other is None else "tuned": _asked(tuned, plans, folder)}
            if other is not None:
                sides = {"base": _asked(other, plans, folder), **sides}
            results = conclude(folder, plans, sides, options)
            build_evaluation(folder)
            return results
    with held(tuned.run.path), made(folder):
        ask_both = _ask_elsewhere if is_elsewhere(tuned.run) else _ask_here
        planned, sides = ask_both(tuned, tuned.run, other, folder, options, wanted)
        results = conclude(folder, planned.plans, sides, options, planned.own)
        if folder == tuned.run.suites:
            metrics = read_json(tuned.run.metrics)
            metrics |= {"suites": results, "failed": results["failed"]}
            write_json(tuned.run.metrics, metrics)
            build_report(tuned.run)
        else:
            build_evaluation(folder)
    return results


def _quick(suite: SuiteOptions, items: int | None) -> SuiteOptions:
    """A suite as a first look takes it, which is never more than without."""
    usual = SUITES.get(suite.suite, where="evaluate.suites").items
    most = min(QUICK, suite.max_items or min(usual or QUICK, items or QUICK))
    return suite.model_copy(update={"max_items": most, "steps": min(QUICK_STEPS, suite.steps)})


def _ask_elsewhere(
    tuned: Target,
    run: RunFolder,
    other: Target | None,
    folder: Path,
    options: EvaluateOptions,
    wanted: Sequence[SuiteOptions],
) -> tuple[_Own, dict[str, Side]]:
    """Ask the models of a run in which nothing was trained: both are at endpoints."""
    check_both(options)
    _, items = questions_again(run, tuned.recipe)
    examples = [item.example for item in items]
    planned = _planned(tuned.recipe, run, examples, folder, options, wanted)
    base, there = other or at_endpoint(tuned.recipe, "base"), at_endpoint(tuned.recipe, "tuned")
    sides = {"base": base, "tuned": there}
    return planned, {
        side: _asked(one, planned.plans, folder) for side, one in sides.items() if one is not None
    }


def _ask_here(
    tuned: Target,
    run: RunFolder,
    other: Target | None,
    folder: Path,
    options: EvaluateOptions,
    wanted: Sequence[SuiteOptions],
) -> tuple[_Own, dict[str, Side]]:
    """Ask a run's tuned model and its base, or what is named in place of either."""
    bench = tuned.load()
    planned = _planned(bench.recipe, run, _test_examples(bench, run), folder, options, wanted)
    there = at_endpoint(tuned.recipe, "tuned")
    if there is not None:
        side = _asked(there, planned.plans, folder)
    else:
        side = _tuned(bench, run, planned.plans, tuned.name, folder)
    if other is None:
        base = _base(bench, planned.plans, folder)
    else:
        del bench  # one model at a time
        gc.collect()
        base = _asked(other, planned.plans, folder)
    return planned, {"base": base, "tuned": side}


def evaluate_recipe_suites(bench: Workbench, run: RunFolder) -> dict[str, Any]:
    """Ask the suites that a run's recipe names, of its base and its tuned model.

    Args:
        bench: of the run, its tuned model in place; the run is held.
        run: its folder.

    Returns:
        What the suites' `results.json` now holds.

    Raises:
        UserError: a suite's data is not what it must be, or the run's has changed.
    """
    options, folder = bench.recipe.evaluate, run.suites
    folder.mkdir(exist_ok=True)
    examples = _test_examples(bench, run)
    planned = _planned(bench.recipe, run, examples, folder, options, options.suites)
    base, tuned = (at_endpoint(bench.recipe, side) for side in SIDES)
    plans = planned.plans
    sides = {
        "base": _asked(base, plans, folder) if base else _base(bench, plans, folder),
        "tuned": _asked(tuned, plans, folder)
        if tuned
        else _tuned(bench, run, plans, str(run.path), folder),
    }
    return conclude(folder, plans, sides, options, planned.own)


@dataclass(frozen=True, slots=True)
class _Own:
    """What a run is asked, and what conditions may speak of besides."""

    plans: Sequence[Planned]
    own: Mapping[str, Found]


def _test_examples(bench: Workbench, run: RunFolder) -> list[Example]:
    """The examples that a run set aside.

    Raises:
        UserError: the data has changed since.
    """
    recipe = bench.recipe
    prepared = prepare(recipe, read(recipe), bench.renderer)
    check_same_items(prepared, run)
    return [item.example for item in prepared.items]


def _planned(
    recipe: Recipe,
    run: RunFolder,
    examples: Sequence[Example],
    folder: Path,
    options: EvaluateOptions,
    wanted: Sequence[SuiteOptions],
) -> _Own:
    """What a run is asked."""
    plans = plan(
        options,
        wanted,
        examples,
        lambda: load_rows(recipe.data).train,
        judge_for(options.judge, folder, str(run.path), lambda one: target(one).load()),
    )
    own = figures(read_json(run.metrics).get("comparison", []))
    check_conditions(options, plans, own)
    return _Own(plans, own)


def _base(bench: Workbench, plans: Sequence[Planned], folder: Path) -> Side:
    """What the base of a bench's model replies."""
    with bench.as_base():
        base = asker(bench, KeptReplies(folder / KEPT), None)
        return ask(base, plans, bench.recipe.model.base, folder)


def _tuned(
    bench: Workbench, run: RunFolder, plans: Sequence[Planned], name: str, folder: Path
) -> Side:
    """What a run's tuned model replies, which is in place."""
    return ask(asker(bench, KeptReplies(folder / KEPT), run.model), plans, name, folder)


def _asked(one: Target, plans: Sequence[Planned], folder: Path) -> Side:
    """What a target replies, loaded for this alone, or asked where it is."""
    if one.served is not None:
        errand = Errand(SETTINGS, "tutelage eval … --suite …")
        there = ServedAsker(one.served, one.recipe, folder, errand)
        return ask(there, plans, one.name, folder)
    bench = one.load()
    if one.run is None:
        return _base(bench, plans, folder)
    return _tuned(bench, one.run, plans, one.name, folder)
