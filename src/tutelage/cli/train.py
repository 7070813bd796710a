"""`tutelage train`: tune a model, or continue a run that was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tutelage import ranks
from tutelage.cli.arguments import AsJson, Overwrite, Settings, beginning, interruptible


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe file, or with --resume a run folder.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder to make.")] = None,
    settings: Settings = None,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in this folder exactly.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tune a model as the recipe says."""
    import orjson

    from tutelage.rundir import RunFolder, read_json

    overrides = beginning(recipe, out, settings, overwrite=overwrite, resume=resume)
    from tutelage.pipeline import train as job

    done = resume and job.is_finished(RunFolder(recipe))
    with interruptible(out or recipe, "train", resume=resume):
        if out is None:
            run = job.resume(recipe)
        else:
            run = job.train(recipe, out, overrides, overwrite=overwrite)
    if not ranks.leads():
        return
    training = read_json(run.metrics)["training"]
    if as_json:
        typer.echo(orjson.dumps({"run": str(run.path), "training": training}).decode())
        return
    if done:
        typer.echo(f"trained to its end before, {training['steps']:,} steps: nothing is left to do")
    typer.echo(f"tuned model in {run.model}")
    typer.echo(f"next: tutelage eval {run.path}")
