"""From pydantic's errors to a person's mistakes.

Pydantic finds every error in one pass but speaks of itself (`list[SourceOptions]`, `int_type`).
Here each becomes one sentence made of the type in words, the value in words, and advice that
depends on the two. Its strict mode on JSON input gives the rules we want: no text for a number, no
true for a 1, whole numbers where numbers are asked for, lists for tuples.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tutelage.options import Options
from tutelage.recipe.advice import WHOLE, advice, found, likely_keys, suggestion
from tutelage.recipe.document import Node
from tutelage.recipe.mistakes import Mistake
from tutelage.recipe.schema import ANYTHING, KeyPath, Kind, dotted, kind_at

MOST = 200
"""Errors that are put in words: more than anybody reads, and quick for any file."""

Settings = TypeVar("Settings", bound=Options)


def validate(root: Node, options: type[Settings]) -> tuple[Settings | None, list[Mistake]]:
    """The typed recipe, or everything that is wrong with the tree.

    Args:
        root: the recipe's tree, its short forms spelled out.
        options: the type to make of it.
    """
    try:
        return options.model_validate_json(json.dumps(root.plain()), strict=True), []
    except ValidationError as error:
        return None, list(_mistakes(error.errors(include_url=False), root, options))


def _mistakes(
    errors: Sequence[ErrorDetails], root: Node, options: type[Options]
) -> Iterator[Mistake]:
    """One mistake for each place; of a union's errors the innermost, which fit what was meant."""
    located: dict[KeyPath, ErrorDetails] = {}
    for error in errors[:MOST]:
        located.setdefault(_without_branches(Kind(options), error), error)
    above = {path[:depth] for path in located for depth in range(len(path))}
    unknown = [path for path, error in located.items() if error["type"] == "extra_forbidden"]
    meant = {key for path in unknown for key in likely_keys(path, options)}
    for path, error in located.items():
        misspelt = error["type"] == "missing" and path in meant
        if not (path in above or misspelt):
            yield _mistake(path, error, root, options)


def _mistake(path: KeyPath, error: ErrorDetails, root: Node, options: type[Options]) -> Mistake:
    context, kind = error.get("ctx", {}), kind_at(options, path)
    if error["type"] == "conflict":  # a rule between settings, which names the one to point at
        path = (*path, context["key"])
        return Mistake(root.nearest(path).place, error["msg"], dotted(path))
    node = root.nearest(path)
    if error["type"] == "value_error":
        return Mistake(node.place, str(context["error"]), dotted(path))
    key_place = node.key_place or node.place
    if error["type"] == "extra_forbidden":
        fix = suggestion(path, options)
        return Mistake(key_place, "unknown key", dotted(path), fix)
    if error["type"] == "missing" and root.nearest(path[:-1]) is node:
        what = f"required, but missing; expected {kind.words()}"
        return Mistake(key_place, what, dotted(path), f"add `{path[-1]}:`")
    value = node.plain()
    what = f"expected {kind.words()}, found {found(value)}"
    return Mistake(node.place, what, dotted(path), advice(kind, value) or (None if path else WHOLE))


def _without_branches(kind: Kind, error: ErrorDetails) -> KeyPath:
    """The error's path in the recipe: pydantic puts in the branch it tried of each union."""
    path: list[str | int] = []
    in_branch = False
    above = kind
    for part in error["loc"]:
        if len(kind.branches) > 1 and not in_branch:
            in_branch = True
            continue
        path.append(part)
        above, kind, in_branch = kind, kind.step(part) or ANYTHING, False
    if error["type"] == "missing" and not above.section:  # a list too short for its tuple
        path.pop()
    return tuple(path)
