"""Test examples ready to be asked, and how they are written as Arrow and read back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from tutelage.data.example import Example, Message, Source
from tutelage.data.fates import Fate, Reason
from tutelage.data.ledger import Ledger
from tutelage.evaluate.scoring import Item as ScoredItem
from tutelage.metrics.instruction_following import as_references

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Item:
    """A test example ready to be asked.

    Attributes:
        example: as read; its references score the answer.
        prompt_ids: what the model is given.
        held_out: its task is never trained on.
    """

    example: Example
    prompt_ids: tuple[int, ...]
    held_out: bool

    @property
    def scored(self) -> ScoredItem:
        """What its answers are scored against."""
        example = self.example
        asked = next((turn.content for turn in reversed(example.prompt) if turn.role == "user"), "")
        demands = as_references(example.constraints, asked)
        return ScoredItem(example.task, self.held_out, example.accepted, demands)


def answerable(examples: Sequence[Example], ledger: Ledger) -> list[Example]:
    """The examples whose answers can be scored; the ledger has the others as dropped."""
    found = []
    for example in examples:
        if example.accepted or example.constraints:
            found.append(example)
        else:
            ledger.mark(example.source, Fate.DROPPED, Reason.NO_RESPONSE)
    return found


def items_fingerprint(items: Sequence[Item]) -> str:
    """SHA-256 of the questions, their references and their verifiable instructions."""
    digest = hashlib.sha256()
    for item in items:
        example = item.example
        said = (item.prompt_ids, example.accepted, example.task, *example.constraints)
        digest.update(repr(said).encode())
    return digest.hexdigest()


def at_most(items: list[Item], limit: int, seed: int) -> list[Item]:
    """At most `limit` items of each task, drawn by a hash of their source, in their order."""

    def draw(item: Item) -> str:
        return hashlib.sha256(f"{seed}/{item.example.source}".encode()).hexdigest()

    chosen: set[int] = set()
    for task in {item.example.task for item in items}:
        places = [at for at, item in enumerate(items) if item.example.task == task]
        chosen.update(sorted(places, key=lambda at: draw(items[at]))[:limit])
    return [item for at, item in enumerate(items) if at in chosen]


def to_table(items: Sequence[Item]) -> pa.Table:
    """As an Arrow table, the examples as JSON.

    Raises:
        TypeError: an example holds something that JSON has not.
        ValueError: … or that would come back as something else, such as NaN.
    """
    import pyarrow as pa

    texts = [orjson.dumps(_plain(item.example)).decode() for item in items]
    for item, text in zip(items, texts, strict=True):
        if _example(orjson.loads(text)) != item.example:
            raise ValueError(f"{item.example.source} holds what JSON does not")
    ids = [np.array(item.prompt_ids, dtype=np.int32) for item in items]
    return pa.table(
        {
            "example": pa.array(texts, pa.large_string()),
            "prompt_ids": pa.array(ids, pa.large_list(pa.int32())),
            "held_out": pa.array([item.held_out for item in items], pa.bool_()),
        }
    )


def of_batch(batch: pa.RecordBatch) -> list[Item]:
    """The items of a table that `to_table` made."""
    columns = (batch.column(name).to_pylist() for name in ("example", "prompt_ids", "held_out"))
    return [
        Item(_example(orjson.loads(text)), tuple(ids), held_out)
        for text, ids, held_out in zip(*columns, strict=True)
    ]


def _plain(example: Example) -> dict[str, Any]:
    """An example as JSON types."""
    return {
        "messages": [(m.role, m.content, m.tool_calls, m.name) for m in example.messages],
        "source": tuple(example.source),
        "negatives": example.negatives,
        "references": example.references,
        "task": example.task,
        "tools": example.tools,
        "constraints": example.constraints,
        "meta": example.meta,
    }


def _example(plain: dict[str, Any]) -> Example:
    return Example(
        messages=tuple(
            Message(role, content, tuple(calls), name)
            for role, content, calls, name in plain["messages"]
        ),
        source=Source(*plain["source"]),
        negatives=tuple(plain["negatives"]),
        references=tuple(plain["references"]),
        task=plain["task"],
        tools=tuple(plain["tools"]),
        constraints=tuple(plain["constraints"]),
        meta=plain["meta"],
    )
