"""`tutelage export-data`: the recipe's data as the fine-tuning files of a closed model."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.arguments import AsJson, Recipe, Settings


class To(StrEnum):
    """Whose files are written."""

    OPENAI = "openai"
    GEMINI = "gemini"


def export_data(
    recipe: Recipe,
    to: Annotated[To, typer.Option(help="Whose files: OpenAI's chats, or Gemini's contents.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")],
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Write the data for tuning a model that one can only reach by API."""
    import orjson
    from rich.console import Console
    from rich.table import Table

    from tutelage.pipeline.export_data import export_data as job

    summary = job(recipe, to.value, out, settings or [])
    if as_json:
        typer.echo(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("file", "examples", "tokens", "longest", "bytes"):
        table.add_column(column, justify="left" if column == "file" else "right", no_wrap=True)
    for name, file in summary["files"].items():
        table.add_row(name, *(f"{number:,}" for number in file.values()))
    console = Console()
    console.print(table)
    counts = summary["counts"]
    fates = " + ".join(f"{counts[fate]} {fate}" for fate in counts if fate != "read")
    console.print(f"tokens counted by {summary['tokens_counted_by']}", highlight=False)
    console.print(
        f"rows: {counts['read']} read = {fates}; see {out}/ledger.parquet", highlight=False
    )
    for note in summary["notes"]:
        console.print(f"note: {note}", highlight=False)
    typer.echo(f"{summary['prompts']} test items stay out of them: {out}/prompts.jsonl")
    typer.echo(f"next, when it is tuned: tutelage eval {recipe} --out RUN --base NAME --tuned NAME")
