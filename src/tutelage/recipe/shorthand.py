"""The short ways of writing a recipe, spelled out with their places.

A source may be a path alone and a suite its name, one of them may stand without its list, and a
section or mapping whose lines are all commented out may stay. They are spelled out before
overrides and validation, so that `--set data.train.0.limit=5` works on `train: my.jsonl`, and a
mistake inside keeps its line.
"""

from __future__ import annotations

from tutelage.data.options import SourceOptions
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.options import Options
from tutelage.recipe.document import Node
from tutelage.recipe.schema import Kind

ALONE: dict[type[Options], str] = {SourceOptions: "path", SuiteOptions: "suite"}
"""What may stand in a list as one text, and the field that it is then."""


def spell_out(node: Node, kind: Kind) -> None:
    """Replace the short forms in `node` and below, in place.

    Args:
        node: a value of the recipe.
        kind: what it should be.
    """
    for options, field in ALONE.items():
        if any(branch.item == Kind(options) for branch in kind.branches):
            _spell_out_list(node, field)
    if node.value is None and kind.is_mapping:
        node.value = {}
    children: list[tuple[str | int, Node]] = []
    if isinstance(node.value, dict):
        children = list(node.value.items())
    elif isinstance(node.value, list):
        children = list(enumerate(node.value))
    for part, child in children:
        below = kind.step(part)
        if below is not None:
            spell_out(child, below)


def _spell_out_list(node: Node, field: str) -> None:
    if isinstance(node.value, str | dict):
        node.value = [Node(node.value, node.place)]
    if isinstance(node.value, list):
        for entry in node.value:
            if isinstance(entry.value, str):
                entry.value = {field: Node(entry.value, entry.place)}
