"""Switch off for a while what a method has put into a model, so that the base model answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Switched(Protocol):
    """A part that leaves the model as it was while it is not enabled."""

    enabled: bool


@contextmanager
def switched_off(parts: Iterable[Switched]) -> Iterator[None]:
    """Leave the parts out, and put each back as it was."""
    held = [(part, part.enabled) for part in parts]
    try:
        for part, _ in held:
            part.enabled = False
        yield
    finally:
        for part, enabled in held:
            part.enabled = enabled
