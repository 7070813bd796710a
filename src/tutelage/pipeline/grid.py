"""The grid of a sweep: which settings vary, over what, and what of it is impossible.

A key may be short (`method` for `model.method`) as long as it can only mean one setting. All
combinations are read as recipes before anything runs, and what is wrong with any of them is told in
one message. Trials are compared by their validation loss, so what would change the examples or the
unit of that loss cannot be varied: it would compare numbers that are not of the same thing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tutelage.errors import UserError, nearest
from tutelage.recipe import Recipe
from tutelage.recipe import load as load_recipe
from tutelage.recipe.advice import OTHER_TOOLS
from tutelage.recipe.schema import keys

MOST_TRIALS = 64
"""A larger grid is most likely a slip, and no small sweep any more."""

FIXED = (
    *("name", "data", "prompt", "evaluate", "model.base", "model.revision"),
    *("train.objective", "train.dpo", "train.unlikelihood"),
)
"""What trials must have in common for their validation losses to be comparable."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting and the values it takes.

    Attributes:
        key: the setting in full, such as `train.learning_rate`.
        values: as YAML.
    """

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Combination:
    """One trial's place in the grid.

    Attributes:
        name: of its folder, such as `02-lora-0.0002`.
        settings: the value of each varied key.
        recipe: resolved.
    """

    name: str
    settings: dict[str, str]
    recipe: Recipe


def axis(text: str) -> Axis:
    """An axis as given on the command line: `method=full,lora`.

    Raises:
        UserError: it is not of this form, or its key means no setting, several, or one that all
            trials must have in common.
    """
    where = f"--over {text}"
    key, equals, listed = text.partition("=")
    values = tuple(part.strip() for part in _split(listed))
    if not equals or not key.strip() or not all(values):
        raise UserError(
            "expected key=value,value",
            where=where,
            fix="such as --over train.learning_rate=1e-4,2e-4",
        )
    if len(set(values)) < len(values):
        raise UserError("a value stands there twice", where=where, fix="give each value once")
    full = full_key(key.strip(), where)
    if _is_fixed(full):
        raise UserError(
            f"{full} cannot be varied: trials are compared by their validation loss, and that "
            "would be of other examples or in another unit",
            where=where,
            fix="make a run of each, and compare what `tutelage eval` says of the same test items",
        )
    return Axis(full, values)


def full_key(short: str, where: str) -> str:
    """The one setting that a key means.

    Args:
        short: the key in full, its end (`lora.rank`), its last part (`method`), or the name that
            another tool gives it (`lr`).
        where: for messages.

    Raises:
        UserError: it means none, or several.
    """
    known = [key.dotted for key in keys(Recipe) if key.section is None]
    if short in known:
        return short
    # A section's name is no setting, whatever ends like it.
    sections = {key.dotted for key in keys(Recipe) if key.section is not None}
    meant = [key for key in known if key.endswith(f".{short}") and short not in sections]
    meant = [key for key in meant if not _is_fixed(key)] or meant
    if not meant and short in OTHER_TOOLS:
        meant = [OTHER_TOOLS[short]]
    if not meant and _is_fixed(short):
        return short
    if not meant:
        varied = [key for key in known if not _is_fixed(key)]
        ends = {key.rpartition(".")[2]: key for key in varied}
        close = nearest(short, varied) or [ends[end] for end in nearest(short, ends)]
        raise UserError(
            f"there is no setting '{short}' to vary",
            where=where,
            fix=f"did you mean {' or '.join(close)}?" if close else "see docs/recipe.md for all",
        )
    if len(meant) > 1:
        raise UserError(
            f"'{short}' could be {' or '.join(meant)}", where=where, fix="write the key in full"
        )
    return meant[0]


def _is_fixed(key: str) -> bool:
    return any(key == fixed or key.startswith(f"{fixed}.") for fixed in FIXED)


def combinations(
    recipe: str | Path, axes: Sequence[Axis], overrides: Sequence[str] = ()
) -> list[Combination]:
    """Every combination of the axes' values, the last axis fastest.

    Raises:
        UserError: some combinations are impossible (all of them are told), two are the same
            recipe, or there are too many.
    """
    if not axes:
        raise UserError(
            "nothing is to be varied", fix="add --over, such as --over method=full,lora"
        )
    twice = {one.key for one in axes if sum(other.key == one.key for other in axes) > 1}
    if twice:
        raise UserError(f"{', '.join(sorted(twice))} is varied twice", fix="give all values in one")
    grid = list(itertools.product(*(one.values for one in axes)))
    if len(grid) > MOST_TRIALS:
        raise UserError(
            f"the grid has {len(grid)} trials, over the limit of {MOST_TRIALS}",
            fix="vary fewer settings at a time",
        )
    found, mistakes = [], []
    for number, values in enumerate(grid, start=1):
        settings = {one.key: value for one, value in zip(axes, values, strict=True)}
        varied = [f"{key}={value}" for key, value in settings.items()]
        try:
            resolved = load_recipe(recipe, [*overrides, *varied]).resolved()
        except UserError as error:
            mistakes.append((settings, error))
            continue
        name = "-".join([f"{number:02d}", *(_slug(value) for value in values)])
        found.append(Combination(name, settings, resolved))
    if mistakes:
        raise impossible(mistakes, len(grid))
    _check_distinct(found)
    return found


def impossible(mistakes: Sequence[tuple[dict[str, str], UserError]], of: int) -> UserError:
    """One error of all combinations that cannot be, each with its reason."""
    lines = [f"{len(mistakes)} of {of} combinations are impossible; nothing was run"]
    for settings, error in mistakes:
        reason = str(error).replace("\n", "\n    ")
        lines.append(f"  {label(settings)}: {reason}")
    return UserError("\n".join(lines), fix="leave them out, with a sweep of their own if need be")


def label(settings: dict[str, str]) -> str:
    """A combination for people: `method=lora, learning_rate=2e-4`."""
    return ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in settings.items())


def _check_distinct(found: Sequence[Combination]) -> None:
    """Refuse to train the same twice, as where a setting of one method is varied for another."""
    seen: dict[str, Combination] = {}
    for combination in found:
        other = seen.setdefault(combination.recipe.model_dump_json(), combination)
        if other is not combination:
            raise UserError(
                f"the trials {label(other.settings)} and {label(combination.settings)} are the "
                "same recipe",
                where="--over",
                fix="vary what makes a difference",
            )


def _split(listed: str) -> list[str]:
    """The values between commas, but for commas within brackets."""
    parts, depth = [""], 0
    for character in listed:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _slug(value: str) -> str:
    """A value as part of a folder's name."""
    return re.sub(r"[^\w.]+", "_", value)[:24].strip("_.") or "x"
