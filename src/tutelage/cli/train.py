"""`tutelage train`: tune a model, or continue a run that was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tutelage import ranks
from tutelage.cli.arguments import AsJson, Overwrite, Settings, read_early
from tutelage.errors import UserError


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
    if resume and (out is not None or settings or overwrite):
        raise UserError(
            "a run is continued as it was begun", fix="leave out --out, --set and --overwrite"
        )
    if not resume and out is None:
        raise UserError("no run folder was named", fix="add --out RUN, or --resume to continue one")
    import orjson

    from tutelage.rundir import RunFolder, read_json

    recipe_file = recipe if out else RunFolder.open(recipe).recipe
    overrides = read_early(recipe_file, settings)
    from tutelage.pipeline import train as job

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
    typer.echo(f"tuned model in {run.model}")
    typer.echo(f"next: tutelage eval {run.path}")
