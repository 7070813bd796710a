"""`tutelage run`: check, train, eval and report in one go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.arguments import AsJson, Overwrite, Settings, beginning, interruptible


def run(
    recipe: Annotated[Path, typer.Argument(help="Recipe file, or with --resume a run folder.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder to make.")] = None,
    settings: Settings = None,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in this folder to its report.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The whole path: check, train, evaluate, report."""
    import orjson

    from tutelage.cli import check, evaluate

    overrides = beginning(recipe, out, settings, overwrite=overwrite, resume=resume)
    from tutelage.pipeline import run as job

    folder = out or recipe
    with interruptible(folder, "run", resume=resume):
        if out is None:
            metrics = job.resume(recipe)
        else:
            show = None if as_json else check.show
            metrics = job.run(recipe, out, overrides, overwrite=overwrite, on_checked=show)
    if metrics is None:
        return
    if as_json:
        typer.echo(orjson.dumps(metrics, option=orjson.OPT_INDENT_2).decode())
    else:
        evaluate.show(metrics)
        typer.echo(f"report: {folder / 'report.html'}")
    evaluate.end(metrics)
