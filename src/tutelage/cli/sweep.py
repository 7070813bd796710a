"""`tutelage sweep`: a small grid of settings, its losers stopped early."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tutelage.cli.arguments import AsJson, Settings
from tutelage.errors import UserError


def sweep(
    recipe: Annotated[Path, typer.Argument(help="Recipe file, or with --resume a sweep's folder.")],
    over: Annotated[
        list[str] | None,
        typer.Option(help="A setting and its values, such as method=full,lora; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder to make.")] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="For all trials together: 400steps, 30min or 2h."),
    ] = None,
    halving: Annotated[
        bool, typer.Option(help="Stop the worse half early, or train all to their ends.")
    ] = True,
    settings: Settings = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the sweep in this folder.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Try combinations of settings, and say what quality costs."""
    import orjson

    from tutelage.pipeline import sweep as job

    if resume:
        if over or out or budget or settings:
            raise UserError(
                "a sweep is continued as it was begun",
                fix="leave out --over, --out, --budget and --set",
            )
        folder, state = recipe, job.resume(recipe)
    else:
        if out is None:
            raise UserError("no folder was named", fix="add --out SWEEP, or --resume to go on")
        folder = out
        state = job.sweep(recipe, over or [], out, settings or [], budget=budget, halve=halving)
    if as_json:
        typer.echo(orjson.dumps(state, option=orjson.OPT_INDENT_2).decode())
        return
    show(state)
    typer.echo(f"figure and table: {folder / 'sweep.html'}")
    typer.echo(f"next: tutelage eval {folder / 'trials' / state['best']}")


def show(state: dict[str, Any]) -> None:
    """Print the table of trials."""
    from rich.text import Text

    from tutelage.cli.tables import print_table, table
    from tutelage.report.text import clip, count, duration, number, size

    keys = list(state["trials"][0]["settings"])
    made = table(
        ("", *(key.rpartition(".")[2] for key in keys)),
        ("loss", "steps", "trainable", "time", "memory"),
    )
    made.add_column("")
    for at, trial in enumerate(state["trials"], start=1):
        training = trial["training"] or {}
        made.add_row(
            str(at),
            *(Text(trial["settings"][key]) for key in keys),
            number(trial["losses"][-1] if trial["losses"] else None),
            f"{trial['steps']}/{trial['rungs'][-1]}" if trial["rungs"] else "0",
            count(training.get("trainable_parameters")),
            duration(training.get("seconds")),
            size(trial["peak_memory_bytes"]),
            Text(clip(trial["failure"] or trial["status"], 60)),
            style="bold" if trial["name"] == state["best"] else "",
        )
    print_table(made)
