"""The recipe's keys, read off the types: one walk for messages, the template and the reference.

Everything said about a key (its type in words, its default, its meaning) comes from the field in
some room's `options.py`, so that the words cannot drift from what is accepted.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic.fields import FieldInfo

from tutelage.options import Options

ANY_NAME = "NAME"
"""Stands in a key for a name that the user chooses, as in `evaluate.tasks.NAME.metrics`."""

KeyPath = tuple[str | int, ...]
"""The way to a value of the recipe: keys, names and items' numbers."""


@dataclass(frozen=True)
class Kind:
    """A type as written in an options class, and its limits."""

    annotation: Any
    limits: tuple[Any, ...] = ()

    @classmethod
    def of(cls, field: FieldInfo) -> Kind:
        """The kind of an options class's field."""
        return cls(field.annotation, tuple(field.metadata))

    @property
    def branches(self) -> list[Kind]:
        """What the value may be besides null; itself, unless it is a union."""
        if get_origin(self.annotation) not in (Union, types.UnionType):
            return [self]
        choices = get_args(self.annotation)
        return [Kind(choice, self.limits) for choice in choices if choice is not type(None)]

    @property
    def nullable(self) -> bool:
        """Whether null is a value of its own."""
        return type(None) in get_args(self.annotation)

    @property
    def section(self) -> type[Options] | None:
        """The options class of a section; None for anything else."""
        annotation = self.annotation
        if isinstance(annotation, type) and issubclass(annotation, Options):
            return annotation
        return None

    @property
    def is_mapping(self) -> bool:
        """Whether the value can only be a section or a mapping from names."""
        return self.section is not None or get_origin(self.annotation) is dict

    @property
    def is_choice(self) -> bool:
        """Whether the value, or each item of it, is one of a closed set."""
        return get_origin((self.item or self).annotation) is Literal

    @property
    def item(self) -> Kind | None:
        """The kind of a list's items; None for anything else."""
        return Kind(get_args(self.annotation)[0]) if get_origin(self.annotation) is list else None

    def step(self, part: str | int) -> Kind | None:
        """The kind one part further down a path; None if nothing can be there."""
        for branch in self.branches:
            section, origin = branch.section, get_origin(branch.annotation)
            arguments = get_args(branch.annotation)
            if section is not None and part in section.model_fields:
                return Kind.of(section.model_fields[str(part)])
            if origin is dict:
                return Kind(arguments[1])
            if isinstance(part, int) and origin is list:
                return branch.item
            if isinstance(part, int) and origin is tuple and part < len(arguments):
                return Kind(arguments[part])
        return None

    def words(self) -> str:
        """What a value must be, such as `a number greater than 0 or null`."""
        choices = self.branches
        if float in [choice.annotation for choice in choices]:
            choices = [choice for choice in choices if choice.annotation is not int]
        words = [choice._words() for choice in choices] + ["null"] * self.nullable
        return _listed(words)

    def _words(self) -> str:
        arguments = get_args(self.annotation)
        if section := self.section:
            return f"settings ({_shortened(list(section.model_fields))})"
        if self.item:
            several = "at least one of: " if any(isinstance(m, MinLen) for m in self.limits) else ""
            return f"a list of {several}{self.item.plural()}"
        if get_origin(self.annotation) is dict:
            return f"a mapping from names to {Kind(arguments[1]).plural()}"
        if get_origin(self.annotation) is tuple:
            return f"a list of {len(arguments)} {Kind(arguments[0]).plural()}"
        if get_origin(self.annotation) is Literal:
            return _listed([str(choice) for choice in arguments])
        return " ".join([_NAMES[self.annotation][0], *_bounds(self.limits)])

    def plural(self) -> str:
        """Several of it, such as `numbers` or `sources (path, format, …)`."""
        if section := self.section:
            noun = re.sub(r"\B([A-Z])", r" \1", section.__name__.removesuffix("Options")).lower()
            return f"{noun}s ({_shortened(list(section.model_fields))})"
        if self.annotation in _NAMES:
            return _NAMES[self.annotation][1]
        return self.words()


_NAMES: dict[Any, tuple[str, str]] = {
    bool: ("true or false", "true or false"),
    str: ("text", "texts"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
}


ANYTHING = Kind(object)
"""The kind of what stands below an unknown key."""


@dataclass(frozen=True)
class Key:
    """One setting.

    Args:
        path: its parts, such as `("train", "learning_rate")`; 0 for any item of a list.
        field: its type, default and documentation.
        section: the options class of the settings it holds, if it holds any.
        inner: the path above those settings: `path`, or one item or name further down.
    """

    path: KeyPath
    field: FieldInfo
    section: type[Options] | None
    inner: KeyPath

    @property
    def dotted(self) -> str:
        """As in messages and `--set`."""
        return dotted(self.path)


def meaning(field: FieldInfo) -> str:
    """A setting's documentation as one paragraph."""
    return " ".join((field.description or "").split())


def dotted(path: KeyPath) -> str:
    """The path as in messages and `--set`: `data.train.0.path`."""
    return ".".join(map(str, path))


def kind_at(options: type[Options], path: KeyPath) -> Kind:
    """What is expected at `path`; `ANYTHING` below an unknown key."""
    kind = Kind(options)
    for part in path:
        kind = kind.step(part) or ANYTHING
    return kind


def keys(options: type[Options], above: KeyPath = ()) -> Iterator[Key]:
    """Every key below `options`, a section before its own keys."""
    for name, field in options.model_fields.items():
        path = (*above, name)
        steps, section = _section_within(Kind.of(field))
        yield Key(path, field, section, (*path, *steps))
        if section is not None:
            yield from keys(section, (*path, *steps))


def _section_within(kind: Kind) -> tuple[KeyPath, type[Options] | None]:
    """The section that a setting holds and the path to it, through a list or a mapping."""
    for branch in kind.branches:
        if branch.section:
            return (), branch.section
        for part in (ANY_NAME, 0):
            below = branch.step(part)
            if below is not None and below.section:
                return (part,), below.section
    return (), None


def _bounds(limits: Iterable[Any]) -> Iterator[str]:
    words: list[str] = []
    for limit in limits:
        match limit:
            case Gt(gt):
                words.append(f"greater than {gt}")
            case Ge(ge):
                words.append(f"at least {ge}")
            case Lt(lt):
                words.append(f"below {lt}")
            case Le(le):
                words.append(f"at most {le}")
    if words:
        yield " and ".join(words)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _shortened(names: list[str]) -> str:
    return ", ".join(names if len(names) <= 4 else [*names[:3], "…"])
