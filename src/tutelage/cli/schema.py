"""`tutelage schema`: what `metrics.json` and `results.json` hold, for programs that read them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tutelage.cli.arguments import one_of


class File(StrEnum):
    """A file of figures."""

    METRICS = "metrics"
    RESULTS = "results"


def schema(
    file: Annotated[
        File,
        typer.Argument(
            parser=one_of(File, "tutelage schema"),
            metavar="[metrics|results]",
            help="A run's metrics.json, or a suite evaluation's results.json.",
        ),
    ] = File.METRICS,
) -> None:
    """Print the JSON Schema of a file of figures."""
    from tutelage.pipeline.schemas import file_of

    typer.echo(file_of(file.value).read_text(encoding="utf-8"), nl=False)
