"""The short ways of writing a recipe, spelled out with their places.

A source may be a path alone, one source may stand without its list, and a section or mapping whose
lines are all commented out may stay. They are spelled out before overrides and validation, so that
`--set data.train.0.limit=5` works on `train: my.jsonl`, and a mistake inside keeps its line.
"""

from __future__ import annotations

from tutelage.data.options import SourceOptions
from tutelage.recipe.document import Node
from tutelage.recipe.schema import Kind


def spell_out(node: Node, kind: Kind) -> None:
    """Replace the short forms in `node` and below, in place.

    Args:
        node: a value of the recipe.
        kind: what it should be.
    """
    if any(branch.item == Kind(SourceOptions) for branch in kind.branches):
        _spell_out_sources(node)
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


def _spell_out_sources(node: Node) -> None:
    if isinstance(node.value, str | dict):
        node.value = [Node(node.value, node.place)]
    if isinstance(node.value, list):
        for source in node.value:
            if isinstance(source.value, str):
                source.value = {"path": Node(source.value, source.place)}
