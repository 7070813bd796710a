"""Arguments that several verbs share.

A verb that needs a model waits some five seconds for torch and transformers to load; a mistake in
its arguments is told before that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _opened(run: Path) -> Path:
    from tutelage.rundir import RunFolder

    return RunFolder.open(run).path


def read_early(recipe: Path, settings: list[str] | None) -> list[str]:
    """The settings, after a look at whether the recipe can be read with them.

    Raises:
        UserError: it cannot.
    """
    from tutelage.recipe import load

    load(recipe, settings or [])
    return settings or []


Recipe = Annotated[Path, typer.Argument(help="Recipe file (see `tutelage init`).")]
Run = Annotated[Path, typer.Argument(help="Run folder.", callback=_opened)]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a setting, such as train.learning_rate=2e-4; repeatable."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Remove the run that is in the run folder.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
