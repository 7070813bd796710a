"""`tutelage report`: write the report of a run or an evaluation from the parts that it has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tutelage.rundir import RunFolder


def report(
    run: Annotated[Path, typer.Argument(help="Run folder, or folder of an evaluation.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write RUN/report.html, of a run or of an evaluation: one self-contained page."""
    # polars, numpy and jinja2 take a moment that `tutelage --help` must not wait for.
    import orjson

    from tutelage.report import build_evaluation, is_evaluation
    from tutelage.rundir import RunFolder

    written = build_evaluation(run) if is_evaluation(run) else _of_run(RunFolder.open(run))
    typer.echo(orjson.dumps({"report": str(written)}).decode() if as_json else f"wrote {written}")


def _of_run(folder: RunFolder) -> Path:
    """Write a run's report, and tell what it lacks."""
    from tutelage.report import build

    written = build(folder)
    if not folder.tuned_predictions.exists():
        typer.echo(
            f"not evaluated yet, so it has no verdict: tutelage eval {folder.path}", err=True
        )
    return written
