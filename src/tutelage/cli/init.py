"""`tutelage init`: write a commented recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.arguments import one_of
from tutelage.purpose import Purpose


def init(
    for_: Annotated[
        Purpose,
        typer.Option(
            "--for",
            parser=one_of(Purpose, "--for"),
            metavar=f"[{'|'.join(Purpose)}]",
            help="What the model is tuned for.",
        ),
    ] = Purpose.CHAT,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write it.")] = Path(
        "recipe.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented recipe: every setting, what it means, its default."""
    from tutelage.recipe import init as write_recipe

    written = write_recipe(for_, out, force)
    typer.echo(f"wrote {written}")
    typer.echo(f"next: set data.train in it, then run  tutelage check {written}")
