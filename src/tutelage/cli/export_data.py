"""`tutelage export-data`: the recipe's data as the fine-tuning files of a closed model."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.arguments import AsJson, Recipe, Settings


def export_data(
    recipe: Recipe,
    to: Annotated[str, typer.Option(help="Whose files, such as openai or gemini.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")],
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Write the data for tuning a model that one can only reach by API."""
    import orjson
    from rich.console import Console
    from rich.text import Text

    from tutelage.cli.tables import print_table, table
    from tutelage.pipeline.export_data import export_data as job

    summary = job(recipe, to, out, settings or [])
    if as_json:
        typer.echo(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode())
        return
    made = table(("file",), ("examples", "tokens", "longest", "bytes"))
    for name, file in summary["files"].items():
        made.add_row(Text(name), *(f"{number:,}" for number in file.values()))
    console = Console(highlight=False, markup=False)
    print_table(made)
    counts = summary["counts"]
    fates = " + ".join(f"{counts[fate]} {fate}" for fate in counts if fate != "read")
    console.print(f"tokens counted by {summary['tokens_counted_by']}")
    console.print(
        f"rows: {counts['read']} read = {fates}; see {out}/ledger.parquet", highlight=False
    )
    for note in summary["notes"]:
        console.print(f"note: {note}")
    typer.echo(f"{summary['prompts']} test items stay out of them: {out}/prompts.jsonl")
    # With the same settings, or other rows would be set aside than stay out of the files.
    varied = [word for setting in settings or [] for word in ("--set", setting)]
    again = shlex.join(["tutelage", "eval", str(recipe), *varied])
    typer.echo(f"next, when it is tuned: {again} --out RUN --base NAME --tuned NAME")
