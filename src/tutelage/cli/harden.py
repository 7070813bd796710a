"""`tutelage harden`: rows that make a model robust, made of its training data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.arguments import AsJson, Settings
from tutelage.errors import UserError


def harden(
    data: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, globs or hub:owner/name; or a recipe."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write, such as hardened.jsonl.")
    ] = None,
    noise: Annotated[
        float, typer.Option(min=0, max=1, help="Share of rows that get a copy with noise.")
    ] = 0.2,
    strength: Annotated[
        float, typer.Option(min=0.01, max=1, help="Share of words that noise changes.")
    ] = 0.1,
    injections: Annotated[
        float, typer.Option(min=0, max=1, help="Share of rows that get an injected instruction.")
    ] = 0.1,
    refuse: Annotated[
        Path | None,
        typer.Option(help="Requests to refuse: a .txt of lines, or a .csv with goal and target."),
    ] = None,
    wrappers: Annotated[
        Path | None,
        typer.Option(help="Jailbreak prompts to refuse them in: a .csv with name and prompt."),
    ] = None,
    seed: Annotated[int, typer.Option(help="For all that is drawn.")] = 0,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Make copies with noise and attacks, and refusals, to train on beside the data."""
    import orjson

    from tutelage.pipeline.audit.options import asked
    from tutelage.pipeline.hardening import HardenOptions
    from tutelage.pipeline.hardening import harden as job

    if not data:
        raise UserError(
            "no data is named", fix="name files or a recipe: tutelage harden data.jsonl --out FILE"
        )
    if out is None:
        raise UserError("no file to write is named", fix="add --out hardened.jsonl")
    options, base = asked(data, settings or [])
    found = job(
        options.train,
        out,
        HardenOptions(noise, strength, injections, refuse, wrappers, seed),
        base,
        options.seed,
    )
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    rows, made = found["rows"], found["made"]
    typer.echo(f"rows: {rows['read']:,} read, {rows['usable']:,} that copies can be made of")
    said = ", ".join(f"{number:,} {how}" for how, number in made.items())
    typer.echo(f"made: {sum(made.values()):,} ({said}); see {out.with_suffix('.ledger.parquet')}")
    typer.echo(f"next: list {out} in data.train of the recipe, behind the data it was made of")
