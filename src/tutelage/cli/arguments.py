"""Arguments that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Recipe = Annotated[Path, typer.Argument(help="Recipe file (see `tutelage init`).")]
Run = Annotated[Path, typer.Argument(help="Run folder.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a setting, such as train.learning_rate=2e-4; repeatable."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Remove the run that is in the run folder.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
