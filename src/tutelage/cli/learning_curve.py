"""`tutelage learning-curve`: what another thousand rows would buy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tutelage.cli.arguments import AsJson, Settings
from tutelage.errors import UserError


def learning_curve(
    recipe: Annotated[
        Path, typer.Argument(help="Recipe file, or with --resume a learning curve's folder.")
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder to make.")] = None,
    sizes: Annotated[
        str | None,
        typer.Option(
            help="Subsets: shares of the training examples, or numbers of them; 0.125,0.25,0.5,1 "
            "if not given."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Runs of each size; 3 if not given."),
    ] = None,
    at: Annotated[
        list[int] | None,
        typer.Option(help="Training examples to foretell the loss of; repeatable."),
    ] = None,
    settings: Settings = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the learning curve in this folder.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train on nested subsets, and say what more rows would buy."""
    import orjson

    from tutelage.pipeline import learning_curve as job

    if resume:
        if out or sizes or seeds is not None or settings:
            raise UserError(
                "a learning curve is continued as it was begun",
                fix="leave out --out, --sizes, --seeds and --set",
            )
        folder, state = recipe, job.resume(recipe, at or [])
    else:
        if out is None:
            raise UserError("no folder was named", fix="add --out CURVE, or --resume to go on")
        folder = out
        plan: dict[str, Any] = {} if sizes is None else {"sizes": _sizes(sizes)}
        plan |= {} if seeds is None else {"seeds": seeds}
        state = job.learning_curve(recipe, out, settings or [], ask=at or [], **plan)
    if as_json:
        typer.echo(orjson.dumps(state, option=orjson.OPT_INDENT_2).decode())
        return
    show(state)
    typer.echo(f"figure and tables: {folder / 'learning_curve.html'}")


def show(state: dict[str, Any]) -> None:
    """Print what was measured, how the curve did, and what it foretells."""
    from tutelage.cli.tables import print_table, table
    from tutelage.report.learning_curve import DIGITS, checked, headline, sizes
    from tutelage.report.text import count, interval, number

    measured = table((), ("examples", "runs", "steps", "loss", "lowest to highest"))
    for size in sizes(state):
        measured.add_row(
            count(size["examples"]),
            count(size["runs"]),
            count(size["steps"]),
            number(size["loss"], DIGITS),
            interval(size["range"], DIGITS),
        )
    print_table(measured)
    typer.echo(checked(state))
    typer.echo(headline(state))
    if not state["curve"]["forecasts"]:
        return
    foretold = table((), ("examples", "loss", "95% interval", "falls by", "95% interval"))
    for one in state["curve"]["forecasts"]:
        row = [part for name in ("loss", "fall") for part in (
            number(one[name]["value"], DIGITS), interval(one[name]["interval"], DIGITS)
        )]  # fmt: skip
        foretold.add_row(count(one["examples"]), *row)
    print_table(foretold)


def _sizes(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(
            f"expected numbers between commas, found '{text}'",
            where="--sizes",
            fix="such as --sizes 0.125,0.25,0.5,1",
        ) from error
