"""Arguments that several verbs share.

A verb that needs a model waits some five seconds for torch and transformers to load; a mistake in
its arguments is told before that.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from tutelage.errors import unknown_name

Choice = TypeVar("Choice", bound=StrEnum)


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


def one_of(kind: type[Choice], option: str) -> Callable[[str], Choice]:
    """Reads an option that has one of a few values; another is told with the nearest of them."""

    def read(value: str) -> Choice:
        if value not in {member.value for member in kind}:
            raise unknown_name("value", value, [member.value for member in kind], where=option)
        return kind(value)

    return read


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
