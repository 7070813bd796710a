"""`tutelage suites` and `tutelage compare`: what can be asked, and two evaluations side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tutelage.cli.arguments import AsJson

NAME = 32
"""Columns that a model's name takes at the head of a table."""

COLOURS = {True: "green", False: "red", None: ""}
"""Of what is significantly better, worse, or neither."""


def suites(
    files: Annotated[
        Path | None, typer.Option(help="Folder of public evaluation sets, to see which are there.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the suites that a model can be asked."""
    import orjson
    from rich.console import Console
    from rich.table import Table

    from tutelage.evaluate.suite import AREAS, SUITES

    entries: list[dict[str, Any]] = [
        {
            "suite": name,
            "area": suite.area,
            "title": suite.title,
            "data": suite.data,
            "needs": suite.data or suite.needs,
            "there": None if files is None or not suite.data else (files / suite.data).exists(),
        }
        for name, suite in ((name, SUITES.get(name)) for name in SUITES.names())
    ]
    entries.sort(key=lambda entry: (AREAS.index(entry["area"]), entry["suite"]))
    if as_json:
        typer.echo(orjson.dumps(entries, option=orjson.OPT_INDENT_2).decode())
        return
    # What a suite needs stands below what it asks: beside it, file names would be broken.
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("suite", no_wrap=True)
    table.add_column("what it asks, and what it needs", overflow="fold")
    area = ""
    for entry in entries:
        if entry["area"] != area:
            area = entry["area"]
            table.add_row(area.capitalize(), style="bold")
        needs = f"{entry['needs']} (not there)" if entry["there"] is False else entry["needs"]
        table.add_row(entry["suite"], f"{entry['title']}\n  needs {needs}")
    Console(highlight=False, markup=False).print(table)
    typer.echo("files lie below evaluate.suite_files, or are named in `data` of a suite")
    typer.echo("ask with: tutelage eval RUN --suite NAME --set evaluate.suite_files=FOLDER")


def compare(
    evaluations: Annotated[
        list[Path], typer.Argument(help="Runs or evaluations; the others against the first.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path(
        "evaluations/compared"
    ),
    confidence: Annotated[float, typer.Option(help="Level of the intervals and tests.")] = 0.95,
    as_json: AsJson = False,
) -> None:
    """Compare evaluations by suites that were made before, without a model."""
    import orjson

    from tutelage.evaluate.options import EvaluateOptions
    from tutelage.pipeline.suites.compare import compare_evaluations

    options = EvaluateOptions(confidence=confidence)
    found = compare_evaluations(evaluations, options, out)
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    for name, results in found.items():
        typer.echo(f"{name} against {evaluations[0]}")
        show_results(results)
        typer.echo(f"report: {Path(results['folder']) / 'report.html'}")


def show_results(results: dict[str, Any]) -> None:
    """Print every suite as run, skipped or failed, with its primary measures and intervals."""
    from rich.console import Console
    from rich.text import Text

    from tutelage.cli.tables import print_table, table
    from tutelage.evaluate.direction import better
    from tutelage.evaluate.gates import OVERALL
    from tutelage.pipeline.suites.results import SUITES_FOLDER
    from tutelage.report.suites import names_of
    from tutelage.report.text import clip, visible

    compared = "tuned" in results["models"]
    own_base = Path(results["folder"]).name == SUITES_FOLDER  # in a run's folder
    names = ("base", "tuned") if own_base else names_of(results["models"])
    sides = [Text(clip(name, NAME)) for name in names]
    heads = [*sides, "difference", "p (Holm)"] if compared else ["value"]
    made = table(("suite", "measure"), ("n", *heads))
    for row in results["measures"]:
        if row["task"] != OVERALL or not row["primary"]:
            continue
        digits = 1 if row["scale"] == 100 else 3
        low, high = (f"{number:+.{digits}f}" if compared else f"{number:.{digits}f}"
                     for number in row["interval"])  # fmt: skip
        if compared:
            numbers = [
                *(f"{row[side]:.{digits}f}" for side in ("base", "tuned")),
                f"{row['difference']:+.{digits}f} [{low}, {high}]",
                f"{row['p_corrected']:.4f}",
            ]
            good = better(row["difference"], row["higher_is_better"])
            style = COLOURS[good] if row["significant"] else ""
        else:
            numbers, style = [f"{row['value']:.{digits}f} [{low}, {high}]"], ""
        name = Text(visible(row["suite"]))
        made.add_row(name, row["metric"], str(row["items"]), *map(Text, numbers), style=style)
    print_table(made)
    console = Console(highlight=False, markup=False)
    for suite in results["suites"]:
        if suite["status"] != "run":
            what = f"{suite['status']}: {visible(suite['suite'])} ({visible(suite['reason'])})"
            console.print(what, style="red" if suite["status"] == "failed" else "")
        elif left_out := suite.get("left_out"):
            console.print(
                f"left out: {left_out} questions of {visible(suite['suite'])} that a model gave no "
                "answer to, with those of their sources"
            )
        for note in suite.get("notes", []):
            console.print(f"note: {visible(suite['suite'])}: {visible(note)}", soft_wrap=True)
    console.print(f"in brackets the {100 * results['confidence']:g} % interval")
