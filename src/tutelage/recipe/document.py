"""YAML text as plain values that remember where they were written.

Only ruamel's composer is used, never a constructor that builds objects: it gives the tree of nodes
with line and column, reads YAML 1.2 (`2e-4` is a number, `no` is a text), and leaves us to find
every duplicate key and every foreign tag instead of stopping at the first. Aliases are spelled out
under a limit, so that a few lines that double themselves cannot fill the memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from tutelage.errors import nearest
from tutelage.recipe.mistakes import Mistake, Place, RecipeError
from tutelage.recipe.schema import KeyPath
from tutelage.recipe.syntax import plain_words

Scalar = str | int | float | bool | None

MAX_BYTES = 256 * 1024
"""A recipe has a few kilobytes; a list of all Natural Instructions tasks has about 100."""
MAX_VALUES = 20_000
MAX_DEPTH = 32
MAX_EXACT_INTEGER = 2**53

_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset({"str", "int", "float", "bool", "null", "timestamp", "value"})


@dataclass
class Node:
    """A value of the recipe and where it was written.

    Args:
        value: a scalar, or the nodes of a mapping or list.
        place: where the value begins.
        key_place: where its key stands, for an entry of a mapping.
    """

    value: Scalar | dict[str, Node] | list[Node]
    place: Place
    key_place: Place | None = None

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def child(self, part: str | int) -> Node | None:
        """The entry `part` of a mapping or list, if there is one."""
        if isinstance(self.value, dict):
            return self.value.get(str(part))
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            return self.value[part]
        return None

    def nearest(self, path: KeyPath) -> Node:
        """The node at `path`, or the closest one above it."""
        node = self
        for part in path:
            below = node.child(part)
            if below is None:
                break
            node = below
        return node


def read_text(path: Path) -> str:
    """The recipe's text.

    Raises:
        RecipeError: there is no such file, it is no text in UTF-8, or it is far too large.
    """
    place = Place(str(path))

    def refuse(what: str, fix: str | None = None, line: int | None = None) -> NoReturn:
        raise RecipeError([Mistake(Place(place.source, line), what, fix=fix)])

    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        close = nearest(path.name, (other.name for other in path.parent.glob("*.y*ml")))
        meant = f"did you mean {' or '.join(close)}? " if close else ""
        refuse("there is no such file", f"{meant}`tutelage init --out {path}` writes one")
    except IsADirectoryError:
        refuse("expected a recipe, found a folder", "name the YAML file inside it")
    except OSError as error:
        refuse(f"cannot be read: {error.strerror}")
    if len(raw) > MAX_BYTES:
        refuse(
            f"larger than {MAX_BYTES // 1024} KiB; a recipe has a few",
            "is this a data file? Name it under data.train of a recipe",
        )
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        refuse("expected text in UTF-8, found UTF-16", "save the file as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refuse(
            f"expected text in UTF-8, found the byte 0x{raw[error.start]:02x}",
            "save the file as UTF-8",
            line=raw.count(b"\n", 0, error.start) + 1,
        )


def parse(text: str, source: Place, key: str = "") -> tuple[Node | None, list[Mistake]]:
    """Read one YAML document.

    Args:
        text: YAML 1.2.
        source: the file, or the `--set` argument (whose columns would not help anybody).
        key: the setting that the text is the value of; empty for a whole recipe.

    Returns:
        The tree (None if the text holds no value) and what is wrong in it.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    is_file = not source.source.startswith("--set ")
    reader = _Reader(source.source, is_file)
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        place = reader.place(error.problem_mark) if error.problem_mark else source
        what, fix = plain_words(error)
        return None, [Mistake(place, what, key, fix)]
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"a control character (U+{error.character:04X}) that YAML does not allow"
        return None, [Mistake(Place(source.source, line if is_file else None), what, key)]
    except RecursionError:
        return None, [Mistake(source, f"nested more than {MAX_DEPTH} deep", key)]
    return (None if root is None else reader.read(root, key)), reader.mistakes


@dataclass
class _Reader:
    """Turns ruamel's nodes into ours and collects what is wrong on the way."""

    source: str
    is_file: bool
    mistakes: list[Mistake] = field(default_factory=list)
    values: int = 0

    def place(self, mark: Any) -> Place:
        """The place of a mark of ruamel's, which counts from 0."""
        if not self.is_file:
            return Place(self.source)
        return Place(self.source, mark.line + 1, mark.column + 1)

    def read(self, node: Any, key: str = "", depth: int = 0) -> Node:
        """Our form of ruamel's `node`, found at the dotted `key`."""
        place = self.place(node.start_mark)
        self.values += 1
        if depth > MAX_DEPTH:
            raise RecipeError([Mistake(place, f"nested more than {MAX_DEPTH} deep", key)])
        if self.values > MAX_VALUES:
            raise RecipeError(
                [Mistake(place, f"more than {MAX_VALUES} values once aliases are spelled out", key)]
            )
        tag: str = node.tag
        if isinstance(node, MappingNode) and tag == f"{_TAG}map":
            return Node(dict(self._entries(node, key, depth)), place)
        if isinstance(node, SequenceNode) and tag == f"{_TAG}seq":
            children = enumerate(node.value)
            return Node([self.read(c, _join(key, i), depth + 1) for i, c in children], place)
        if isinstance(node, ScalarNode) and tag.removeprefix(_TAG) in _SCALARS:
            return Node(self._scalar(tag, node.value, key, place), place)
        what = f"the tag {tag.replace(_TAG, '!!')}: a recipe holds plain values only"
        self.mistakes.append(Mistake(place, what, key, "remove the tag"))
        return Node(None, place)

    def _entries(self, node: MappingNode, above: str, depth: int) -> Iterator[tuple[str, Node]]:
        first: dict[str, Place] = {}
        for key_node, value_node in node.value:
            place = self.place(key_node.start_mark)
            if not isinstance(key_node, ScalarNode) or not key_node.value:
                self.mistakes.append(Mistake(place, "expected the name of a setting", above))
                continue
            name = key_node.value
            key = _join(above, name)
            if name == "<<":
                what = "merge keys (<<) belong to YAML 1.1; recipes are YAML 1.2"
                self.mistakes.append(Mistake(place, what, key, "repeat the settings"))
            elif name in first:
                what = f"'{name}' is set twice; the first time is {first[name]}"
                self.mistakes.append(Mistake(place, what, key, "keep one of them"))
            else:
                first[name] = place
                child = self.read(value_node, key, depth + 1)
                child.key_place = place
                yield name, child

    def _scalar(self, tag: str, text: str, key: str, place: Place) -> Scalar:
        kind = tag.removeprefix(_TAG)
        try:
            if kind == "null":
                return None
            if kind == "bool":
                return {"true": True, "false": False}[text.lower()]
            if kind == "int":
                return _whole_number(text)
            if kind == "float":
                return _number(text)
            text.encode()  # a lone surrogate is no text; better said here than at a later write
        except (ValueError, KeyError):
            expected = "a finite number" if kind in ("int", "float") else "plain text"
            found = (text if len(text) <= 40 else f"{text[:40]}…").encode(
                "ascii", "backslashreplace"
            )
            what = f"expected {expected}, found {found.decode()}"
            self.mistakes.append(Mistake(place, what, key))
            return None
        return text


def _whole_number(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2], 10)
    return sign * int(digits[2:] if base != 10 else digits, base)


def _number(text: str) -> int | float:
    """The number; `1e4` is a whole one, since people write large counts so.

    Raises:
        ValueError: infinite or not a number.
    """
    number = float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError(text)
    whole = "." not in text and number.is_integer() and abs(number) <= MAX_EXACT_INTEGER
    return int(number) if whole else number


def _join(above: str, part: str | int) -> str:
    return f"{above}.{part}" if above else str(part)
