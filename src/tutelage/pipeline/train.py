"""Tune a model: the job behind `tutelage train`, alone or in each process torchrun started.

Each process reads and prepares the same data and loads the model before they join, since a group
does not wait for ever; from then on the first of them writes all that the run leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path

from tutelage import ranks
from tutelage.errors import UserError
from tutelage.pipeline.audited import keep_audit
from tutelage.pipeline.contributions import Contributions
from tutelage.pipeline.endpoints import is_elsewhere
from tutelage.pipeline.memory import fit_memory
from tutelage.pipeline.prepare import Prepared, items_fingerprint, prepare, read
from tutelage.pipeline.training_figures import training_metrics
from tutelage.pipeline.workbench import Workbench, from_recipe
from tutelage.recipe import Recipe
from tutelage.recipe import dump as dump_recipe
from tutelage.recipe import load as load_recipe
from tutelage.rundir import RunFolder, TrainLog, environment, held, read_json, write_json
from tutelage.train.checkpoint import Checkpoints
from tutelage.train.distribution import ALONE, World, joined
from tutelage.train.energy import EnergyMeter
from tutelage.train.loop import Loop
from tutelage.train.objectives import objectives
from tutelage.train.trackers import Tracker, trackers


def train(
    recipe: str | Path,
    out: str | Path,
    overrides: Sequence[str] = (),
    *,
    overwrite: bool = False,
    stop_after: int | None = None,
) -> RunFolder:
    """Tune a model as a recipe says and leave it in a new run folder.

    Args:
        recipe: the recipe's file.
        out: the run folder to make.
        overrides: settings such as `train.learning_rate=2e-4`.
        overwrite: remove a run that is there.
        stop_after: stop at this step of the run; `resume` continues it exactly.

    Raises:
        UserError: the recipe, the data or the model is not as it must be.
    """
    resolved = load_recipe(recipe, overrides).resolved()
    check_folder(out, recipe, overwrite)
    splits = read(resolved)
    bench = from_recipe(resolved, in_host_memory=ranks.size() > 1)
    prepared = prepare(resolved, splits, bench.renderer)
    fit_memory(bench, partial(make_loop, bench, prepared, RunFolder(Path(out))))
    return train_prepared(bench, prepared, new_folder(out, overwrite), stop_after=stop_after)


def check_folder(out: str | Path, recipe: str | Path, overwrite: bool) -> None:
    """Tell early whether a new run may have this folder; the first process looks for all.

    Raises:
        UserError: it is taken, or it is the recipe's own folder: with a `recipe.yaml` in it that
            looks like a run, and overwriting it would remove the recipe and a model beside it.
    """
    if not ranks.leads():
        return
    if Path(out).resolve() == Path(recipe).resolve().parent:
        raise UserError(
            "the run folder is the folder of the recipe",
            where=str(out),
            fix=f"give the run a folder of its own, such as --out {Path(out) / 'run'}",
        )
    RunFolder.check_free(out, overwrite)
    with _held_if_there(out):
        pass


def new_folder(out: str | Path, overwrite: bool) -> RunFolder:
    """The run folder, made by the first process.

    Raises:
        UserError: as `RunFolder.create`, or another process is at work on the run to be removed.
    """
    if not ranks.leads():
        return RunFolder(Path(out))
    with _held_if_there(out):
        return RunFolder.create(out, overwrite)


def _held_if_there(out: str | Path) -> AbstractContextManager[None]:
    return held(Path(out)) if Path(out).is_dir() else nullcontext()


def is_finished(run: RunFolder) -> bool:
    """Whether training came to its end, and its model is there."""
    if not run.model.exists() or not run.metrics.exists():
        return False
    training = read_json(run.metrics).get("training")
    return training is not None and (
        training["steps"] == training["planned_steps"] or training["stopped_early"]
    )


def resume(run: str | Path, *, stop_after: int | None = None) -> RunFolder:
    """Continue a run that was stopped, exactly where its last checkpoint stands.

    One that came to its end stays as it is.

    Args:
        run: the run folder.
        stop_after: stop again at this step of the run.

    Raises:
        UserError: it is not a run, or its data or model has changed since.
    """
    folder = RunFolder.open(run)
    if is_elsewhere(folder):
        raise UserError(
            "nothing is trained in this run: both models that it compares are at endpoints",
            where=str(folder.path),
            fix="go on with the comparison by `tutelage eval`",
        )
    recipe = load_recipe(folder.recipe).resolved()
    splits = read(recipe)
    bench = from_recipe(recipe, in_host_memory=ranks.size() > 1)
    prepared = prepare(recipe, splits, bench.renderer)
    # Looked at before anything is written: a run that cannot be continued stays as it is.
    Checkpoints(folder.checkpoints, keep=1).latest(run_fingerprint(bench, prepared))
    if is_finished(folder):
        return folder
    return train_prepared(bench, prepared, folder, resume=True, stop_after=stop_after)


def train_prepared(
    bench: Workbench,
    prepared: Prepared,
    run: RunFolder,
    *,
    resume: bool = False,
    stop_after: int | None = None,
) -> RunFolder:
    """Train what is prepared, save the model and the figures of training.

    Processes but the first come back when training is done; their model is then in parts.

    Raises:
        UserError: another process trains in this folder, or the run goes wrong.
    """
    with held(run.path) if ranks.leads() else nullcontext():
        return _train(bench, prepared, run, resume, stop_after)


def _train(
    bench: Workbench, prepared: Prepared, run: RunFolder, resume: bool, stop_after: int | None
) -> RunFolder:
    recipe = bench.recipe
    if ranks.leads():
        if resume:
            run.sweep()
        else:
            dump_recipe(recipe, run.recipe)
        write_json(run.environment, environment())
        prepared.ledger.write(run.ledger)
        keep_audit(recipe.data, run.audit)
    with joined(bench.loaded.device) as world, _watchers(recipe, run) as watching:
        with EnergyMeter() as energy:
            loop = make_loop(bench, prepared, run, watching, world)
            tuned = loop.run(resume=resume, stop_after=stop_after)
        weights = {} if world.size == 1 else loop.weights()
    if not ranks.leads():
        return run
    given = Contributions.of(loop.order, prepared.train, tuned.progress.step)
    given.enter(prepared.train, prepared.ledger)
    prepared.ledger.write(run.ledger)
    if weights:
        bench.assemble(weights)
    bench.save(run.model)
    before = read_json(run.metrics) if run.metrics.exists() else {}
    found = training_metrics(bench, prepared, tuned, before)
    found |= {"mixture": given.as_dict(recipe.data.mixture)}
    found["cost"] |= {
        "energy_joules": None if resume else energy.joules,
        "energy_source": energy.source,
    }
    write_json(run.metrics, found)
    return run


@contextmanager
def _watchers(recipe: Recipe, run: RunFolder) -> Iterator[list[Tracker]]:
    """The console and the recipe's trackers, open; the first process's only."""
    names = ["console", *recipe.train.trackers] if ranks.leads() else []
    settings = recipe.model_dump(mode="json")
    with ExitStack() as stack:
        yield [
            stack.enter_context(closing(trackers.get(name)(recipe.name, run.path, settings)))
            for name in names
        ]


def make_loop(
    bench: Workbench,
    prepared: Prepared,
    run: RunFolder,
    watching: Sequence[Tracker] = (),
    world: World = ALONE,
) -> Loop:
    """The loop of a run.

    Raises:
        UserError: the processes are not about to do the same.
    """
    recipe = bench.recipe
    fingerprint = run_fingerprint(bench, prepared)
    world.check_same(fingerprint)
    peak = recipe.train.learning_rate
    assert peak is not None  # a resolved recipe has one
    return Loop(
        bench.model,
        bench.family,
        objectives.get(recipe.train.objective)(recipe.train),
        bench.method.trainable_parameters(bench.model),
        prepared.train,
        prepared.validation,
        recipe.train,
        peak,
        TrainLog(run.log),
        Checkpoints(run.checkpoints, recipe.train.keep_checkpoints),
        watching,
        fingerprint=fingerprint,
        base=partial(bench.method.disabled, bench.model)
        if bench.method.keeps_base
        else nullcontext,
        mixture=prepared.mixture,
        factors=bench.method.learning_rate_factors(bench.model),
        world=world,
    )


def run_fingerprint(bench: Workbench, prepared: Prepared) -> str:
    """SHA-256 of all that decides the weights a run ends with."""
    settings = bench.recipe.model_dump_json(include={"model", "prompt", "train"})
    parts = (settings, bench.loaded.fingerprint, prepared.fingerprint)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def check_same_items(prepared: Prepared, run: RunFolder) -> None:
    """Refuse to evaluate a run on other items than it set aside.

    Raises:
        UserError: the data has changed since the run was trained.
    """
    stored = read_json(run.require(run.metrics))["data"]["items_fingerprint"]
    if stored != items_fingerprint(prepared.items):
        raise UserError(
            "the test items are not the ones that were set aside when this run was trained",
            where=str(run.path),
            fix="restore the data files, or train anew",
        )
