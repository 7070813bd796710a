"""`tutelage eval`: compare a run's tuned model with its base."""

from __future__ import annotations

from typing import Any

import typer

from tutelage.cli.arguments import AsJson, Run, Settings


def evaluate(run: Run, settings: Settings = None, as_json: AsJson = False) -> None:
    """Ask base and tuned model the held-out items and compare them, paired."""
    import orjson

    from tutelage.pipeline.evaluate import evaluate as job

    metrics = job(run, settings or [])
    if as_json:
        typer.echo(orjson.dumps(metrics, option=orjson.OPT_INDENT_2).decode())
        return
    show(metrics)
    typer.echo(f"next: tutelage report {run}")


def show(metrics: dict[str, Any]) -> None:
    """Print the primary metric of every task and the verdict."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tutelage.report.text import visible

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("task", "metric"):
        table.add_column(column, no_wrap=True)
    for column in ("n", "base", "tuned", "difference", "p (Holm)"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in metrics.get("comparison", []):
        if not row["primary"]:
            continue
        digits = 1 if row["scale"] == 100 else 3
        better = (row["difference"] > 0) == row["higher_is_better"]
        colour = ("green" if better else "red") if row["significant"] else ""
        numbers = [f"{row[key]:.{digits}f}" for key in ("base", "tuned")]
        change, low, high = (f"{n:+.{digits}f}" for n in (row["difference"], *row["interval"]))
        table.add_row(
            Text(f"{visible(row['task'])}{' *' if row['held_out'] else ''}"),
            row["metric"],
            str(row["items"]),
            *numbers,
            Text(f"{change} [{low}, {high}]"),
            f"{row['p_corrected']:.4f}",
            style=colour,
        )
    console = Console()
    console.print(table)
    percent = f"{100 * metrics['confidence']:g} %"
    console.print(f"* held out of training; in brackets the {percent} interval", highlight=False)
    if forgetting := metrics.get("forgetting"):
        low, high = forgetting["interval"]
        console.print(
            f"general text: {forgetting['difference']:+.3f} nats a token "
            f"({low:+.3f} to {high:+.3f}); more is forgetting",
            highlight=False,
        )
    if verdict := metrics.get("verdict"):
        console.print(verdict["sentence"], highlight=False, style="bold")
