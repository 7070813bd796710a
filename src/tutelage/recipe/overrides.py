"""Settings given on the command line: `--set train.learning_rate=2e-4`.

An override is one more line of the recipe: its value is YAML, its key is checked like any other,
and a mistake in it names the argument where a file's mistake names the line.
"""

from __future__ import annotations

from tutelage.recipe.document import Node, parse
from tutelage.recipe.mistakes import Mistake, Place
from tutelage.recipe.schema import ANYTHING, Kind


def apply(root: Node, kind: Kind, override: str) -> list[Mistake]:
    """Set one value in the tree, in place; what is not there yet is created.

    Args:
        root: the recipe's tree, its short forms spelled out.
        kind: what the tree should be.
        override: `key=value`; a number in the key is a list's item (the one after the last is
            appended).

    Returns:
        What is wrong with the override as such; whether its key exists is for validation.
    """
    place = Place(f"--set {override}")
    dotted, equals, text = override.partition("=")
    path = [part.strip() for part in dotted.split(".")]
    if not equals or not all(path):
        what = "expected key=value, such as train.learning_rate=2e-4"
        return [Mistake(place, what)]
    value, mistakes = parse(text, place, dotted)
    if value is None and mistakes:
        return mistakes
    value = value or Node(None, place)  # `key=` alone is null, as in YAML
    value.key_place = place
    return mistakes + _put(root, kind, path, value)


def _put(root: Node, kind: Kind, path: list[str], value: Node) -> list[Mistake]:
    """Walk to the key, creating what is missing, and put the value there."""
    node, expected = root, kind
    for depth, part in enumerate(path):
        if not isinstance(node.value, dict | list):
            in_list = part.isdecimal() and any(branch.item for branch in expected.branches)
            node.value, node.place = [] if in_list else {}, value.place
        last = depth == len(path) - 1
        child = value if last else Node(None, value.place, value.place)
        if isinstance(node.value, dict):
            if last:
                node.value[part] = child
            node, step = node.value.setdefault(part, child), expected.step(part)
        else:
            count = len(node.value)
            if not part.isdecimal() or int(part) > count:
                what = f"expected an item's number from 0 to {count}, found '{part}'"
                return [Mistake(value.place, what, ".".join(path[:depth]))]
            index = int(part)
            if last or index == count:
                node.value[index : index + 1] = [child]
            node, step = node.value[index], expected.step(index)
        expected = step or ANYTHING
    return []
