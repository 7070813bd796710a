"""Registries filled by the modules of a folder: adding a thing is adding one file.

A registry knows the package that holds its entries and imports every module of it on the first
lookup, so that nothing is listed by hand and importing the registry itself loads nothing heavy.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Generic, TypeVar

from tutelage.errors import unknown_name

T = TypeVar("T")


class Registry(Generic[T]):
    """Named entries of one kind.

    Args:
        kind: what an entry is called in messages, such as `metric`.
        package: the package whose modules register the entries when imported.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._entries: dict[str, T] = {}
        self._filled = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files an entry under `name`; a second use of a name is a bug."""

        def file(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            self._entries[name] = entry
            return entry

        return file

    def forget(self, name: str) -> None:
        """Take out an entry, such as one that a user's file has registered."""
        del self._entries[name]

    def names(self) -> list[str]:
        """All names, sorted."""
        self._fill()
        return sorted(self._entries)

    def get(self, name: str, where: str | None = None) -> T:
        """The entry called `name`.

        Raises:
            UserError: no such name; the nearest ones are given.
        """
        self._fill()
        if name not in self._entries:
            raise unknown_name(self.kind, name, self._entries, where)
        return self._entries[name]

    def _fill(self) -> None:
        if self._filled:
            return
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        self._filled = True
