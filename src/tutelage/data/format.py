"""The seam `Format`: how rows of one shape become examples.

Adding a format is adding one module to `formats/` that registers one `Format`. A format says
which keys it needs (detection and the error for an unknown shape come from that), and reads a
row into a `Draft`; source, task and meta are filled in by the reader for all formats alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tutelage.data.example import Message
from tutelage.data.options import SourceOptions
from tutelage.data.rows import Row
from tutelage.registry import Registry


@dataclass(frozen=True, slots=True)
class Draft:
    """What a format makes of a row: an example without its source, task and meta.

    Attributes:
        messages: the conversation; ends in an assistant turn if there is a desired response.
        negatives: undesired responses to the same prompt.
        references: acceptable answers for scoring, where there are several.
        tools: descriptions of the tools that may be called.
        task: the task, where the format knows it better than the row's `task` and the file.
    """

    messages: tuple[Message, ...]
    negatives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    task: str | None = None


def _itself(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [record]


Fold = Callable[[Mapping[str, Any], Sequence[Mapping[str, Any] | None]], Mapping[str, Any] | None]


def _alone(
    record: Mapping[str, Any], rows: Sequence[Mapping[str, Any] | None]
) -> Mapping[str, Any] | None:
    return rows[0]


@dataclass(frozen=True, slots=True)
class Format:
    """One shape of rows.

    Attributes:
        name: what a recipe calls it.
        needs: alternatives, each a set of keys; a row of this format has all keys of one.
        read: a row, with the options of its source, to a draft; raises `BadRow`.
        unfold: a record of the file to its rows, for formats whose records hold several.
        fold: the record again, with its rows as they are now, None for one that is left out; None
            where no row is left.
    """

    name: str
    needs: tuple[frozenset[str], ...]
    read: Callable[[Row, SourceOptions], Draft]
    unfold: Callable[[Mapping[str, Any]], list[Mapping[str, Any]]] = _itself
    fold: Fold = _alone

    def score(self, record: Mapping[str, Any]) -> int:
        """How specifically the record has this format: keys needed and found, 0 for no match."""
        return max((len(keys) for keys in self.needs if keys <= record.keys()), default=0)


def refolded(
    inner: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any] | None]
) -> list[dict[str, Any]]:
    """The objects that rows were unfolded from, as the rows are now; without those left out."""
    return [
        {key: row[key] for key in before}
        for before, row in zip(inner, rows, strict=True)
        if row is not None
    ]


FORMATS: Registry[Format] = Registry("format", "tutelage.data.formats")
