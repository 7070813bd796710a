"""`tutelage demo`: the whole path on the data that Tutelage ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.arguments import AsJson, Overwrite, Settings


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to make.")] = Path(
        "runs/demo"
    ),
    settings: Settings = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Tune the embedded model on the shipped dataset and prove what it learned."""
    from tutelage.cli.run import run
    from tutelage.demo import recipe_path

    with recipe_path() as recipe:
        run(recipe, out, settings, overwrite, as_json=as_json)
