"""`tutelage run`: check, train, eval and report in one go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.arguments import AsJson, Overwrite, Recipe, Settings, read_early


def run(
    recipe: Recipe,
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to make.")],
    settings: Settings = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """The whole path: check, train, evaluate, report."""
    import orjson

    from tutelage.cli import check, evaluate

    overrides = read_early(recipe, settings)
    from tutelage.pipeline.run import run as job

    show = None if as_json else check.show
    metrics = job(recipe, out, overrides, overwrite=overwrite, on_checked=show)
    if metrics is None:
        return
    if as_json:
        typer.echo(orjson.dumps(metrics, option=orjson.OPT_INDENT_2).decode())
    else:
        evaluate.show(metrics)
        typer.echo(f"report: {out / 'report.html'}")
    evaluate.end(metrics)
