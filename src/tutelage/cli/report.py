"""`tutelage report`: write the report of a run from the parts that it has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write RUN/report.html: one self-contained page."""
    # polars, numpy and jinja2 take a moment that `tutelage --help` must not wait for.
    import orjson

    from tutelage.report import build
    from tutelage.rundir import RunFolder

    folder = RunFolder.open(run)
    written = build(folder)
    if not folder.tuned_predictions.exists():
        typer.echo(f"not evaluated yet, so it has no verdict: tutelage eval {run}", err=True)
    typer.echo(orjson.dumps({"report": str(written)}).decode() if as_json else f"wrote {written}")
