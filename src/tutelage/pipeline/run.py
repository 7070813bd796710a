"""The whole path in one job: check, train, evaluate, report. Behind `tutelage run`.

Under torchrun all processes train; what comes before and after is the first one's alone, on its own
device, since decoding from a model in parts would wait for a gather at every token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tutelage import ranks
from tutelage.pipeline.check import Check, check_prepared
from tutelage.pipeline.evaluate import evaluate, evaluate_prepared
from tutelage.pipeline.memory import fit_memory
from tutelage.pipeline.prepare import prepare, read
from tutelage.pipeline.train import check_folder, make_loop, new_folder, train_prepared
from tutelage.pipeline.train import resume as resume_training
from tutelage.pipeline.workbench import from_recipe
from tutelage.recipe import load as load_recipe
from tutelage.report import build as build_report
from tutelage.rundir import RunFolder


def run(
    recipe: str | Path,
    out: str | Path,
    overrides: Sequence[str] = (),
    *,
    overwrite: bool = False,
    on_checked: Callable[[Check], None] | None = None,
) -> dict[str, Any] | None:
    """Check, train, evaluate and report, and leave all of it in a new run folder.

    Args:
        recipe: the recipe's file.
        out: the run folder to make.
        overrides: settings such as `train.epochs=1`.
        overwrite: remove a run that is there.
        on_checked: told what preflight found, before training begins.

    Returns:
        What `metrics.json` holds; None in processes but the first, which end after training.

    Raises:
        UserError: the recipe, the data or the model is not as it must be.
    """
    resolved = load_recipe(recipe, overrides).resolved()
    check_folder(out, recipe, overwrite)
    splits = read(resolved)
    bench = from_recipe(resolved, in_host_memory=not ranks.leads())
    prepared = prepare(resolved, splits, bench.renderer)
    if ranks.leads():
        checked = check_prepared(bench, prepared, Path(out))
        if on_checked is not None:
            on_checked(checked)
    else:  # what the check chooses for the first process, the others are to choose as well
        fit_memory(bench, partial(make_loop, bench, prepared, RunFolder(Path(out))))
    folder = train_prepared(bench, prepared, new_folder(out, overwrite))
    if not ranks.leads():
        return None
    bench.place()
    metrics = evaluate_prepared(bench, prepared, folder)
    build_report(folder)
    return metrics


def resume(run: str | Path) -> dict[str, Any] | None:
    """Go on with a run that was stopped: train to the end, evaluate, report.

    Args:
        run: the run folder.

    Returns:
        As `run`.

    Raises:
        UserError: it is not a run, or its data or model has changed since.
    """
    folder = resume_training(run)
    if not ranks.leads():
        return None
    metrics = evaluate(folder.path)
    build_report(folder)
    return metrics
