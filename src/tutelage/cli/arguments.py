"""Arguments that several verbs share.

A verb that needs a model waits some five seconds for torch and transformers to load; a mistake in
its arguments is told before that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from tutelage.errors import UserError, unknown_name

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


def each_alone(option: str) -> Callable[[list[str] | None], list[str] | None]:
    """Looks at the values of an option that may be repeated: names between commas are none."""

    def look(values: list[str] | None) -> list[str] | None:
        for value in values or []:
            if "," in value:
                each = (f"{option} {name.strip()}" for name in value.split(",") if name.strip())
                raise UserError(
                    f"expected one name, found '{value}'",
                    where=option,
                    fix=f"repeat the option: {' '.join(each)}",
                )
        return values

    return look


def one_of(kind: type[Choice], option: str) -> Callable[[str], Choice]:
    """Reads an option that has one of a few values; another is told with the nearest of them."""

    def read(value: str) -> Choice:
        if value not in {member.value for member in kind}:
            raise unknown_name("value", value, [member.value for member in kind], where=option)
        return kind(value)

    return read


def beginning(
    recipe: Path, out: Path | None, settings: list[str] | None, *, overwrite: bool, resume: bool
) -> list[str]:
    """The settings of a verb that trains, after a look at what it is told to do.

    Args:
        recipe: the recipe's file, or with `resume` the run folder.
        out: the run folder to make; None with `resume`.
        settings: that the user overrides.
        overwrite: whether a run that is there is to be removed.
        resume: whether a run is continued.

    Raises:
        UserError: these do not go together, or the recipe cannot be read.
    """
    from tutelage.rundir import RunFolder

    if resume and (out is not None or settings or overwrite):
        raise UserError(
            "a run is continued as it was begun", fix="leave out --out, --set and --overwrite"
        )
    if not resume and out is None:
        raise UserError("no run folder was named", fix="add --out RUN, or --resume to continue one")
    return read_early(recipe if out else RunFolder.open(recipe).recipe, settings)


@contextmanager
def interruptible(run: Path, verb: str, *, resume: bool) -> Iterator[None]:
    """Ends with exit code 130 where the user interrupts a run, and says what goes on with it.

    Args:
        run: its folder.
        verb: `run`, or `train`.
        resume: whether the run was there before; if not, one that is older is another's.
    """
    from tutelage import ranks
    from tutelage.rundir import RunFolder

    began = time.time()
    try:
        yield
    except KeyboardInterrupt:
        if ranks.leads():
            folder = RunFolder(run)
            if not folder.recipe.is_file():
                said = "before training began; nothing is left of it"
            elif not resume and folder.recipe.stat().st_mtime < began:
                said = f"before training began; the run in {run} is as it was"
            else:
                stopped = folder.stopped()
                where = f"training stopped {stopped}" if stopped else "training is done"
                said = f"{where}; continue with `tutelage {verb} {run} --resume`"
            typer.echo(f"\ntutelage: interrupted: {said}", err=True)
        raise typer.Exit(130) from None


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
