"""`tutelage score`: metrics of the predictions in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tutelage.cli.arguments import each_alone

if TYPE_CHECKING:
    from rich.table import Table


def score(
    file: Annotated[
        Path,
        typer.Argument(
            help='JSON Lines of {"prediction": …, "references": [ … ]}; for ifeval, of its own.'
        ),
    ],
    metric: Annotated[
        list[str],
        typer.Option(
            "--metric",
            "-m",
            help="A metric; repeat for several.",
            callback=each_alone("--metric"),
        ),
    ],
    json_schema: Annotated[
        Path | None,
        typer.Option("--json-schema", help="The schema that --metric json_schema measures."),
    ] = None,
    regular_expression: Annotated[
        str | None,
        typer.Option("--regular-expression", help="What --metric regular_expression measures."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="A label for --metric label_set; repeat for several."),
    ] = None,
    own: Annotated[
        list[Path] | None,
        typer.Option("--own", help="A Python file with kinds of instructions; run as code."),
    ] = None,
    items: Annotated[
        Path | None, typer.Option("--items", help="Write the values of each row to this file.")
    ] = None,
    confidence: Annotated[
        float, typer.Option(help="Level of the intervals.", min=0.5, max=0.9999)
    ] = 0.95,
    resamples: Annotated[
        int, typer.Option(help="Bootstrap resamples behind the intervals.", min=100)
    ] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the resamples.", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score predictions by references, instructions or a form, every metric with an interval."""
    # The metrics bring numpy and sacrebleu, which `tutelage --help` must not wait for.
    import orjson
    from rich.console import Console

    from tutelage.evaluate.options import AnswerForm
    from tutelage.pipeline.score import score as score_file
    from tutelage.report.text import visible

    result = score_file(
        file,
        metric,
        form=AnswerForm(
            json_schema=str(json_schema) if json_schema else None,
            regular_expression=regular_expression,
            label_set=label or None,
        ),
        own_constraints=own or (),
        items_out=items,
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )
    if as_json:
        typer.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
    else:
        rows = "1 row" if result["n"] == 1 else f"{result['n']:,} rows"
        Console().print(_table(result, f"{file.name}, {rows}", confidence))
        for note in result.get("notes", []):
            Console(highlight=False, markup=False).print(f"note: {visible(note)}", soft_wrap=True)


def _table(result: dict[str, Any], title: str, confidence: float) -> Table:
    from rich.table import Table

    from tutelage.metrics import METRICS

    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column(f"{100 * confidence:g} % interval", justify="right")
    table.add_column("signature", overflow="fold", style="dim")
    for name, found in result["metrics"].items():
        digits = 1 if METRICS.get(name).scale == 100 else 3
        value, low, high = (
            f"{number:.{digits}f}" for number in (found["value"], *found["interval"])
        )
        table.add_row(name, value, f"{low} to {high}", found["signature"])
    return table
