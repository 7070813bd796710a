"""Self-Instruct's seed tasks: an instruction with `instances` of input and output, each a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.data.format import FORMATS, Format, refolded
from tutelage.data.formats.alpaca import read
from tutelage.data.rows import wrong


def unfold(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """One row an instance, with the instruction and what else the record holds."""
    instances = record.get("instances")
    listed = isinstance(instances, list) and all(isinstance(item, Mapping) for item in instances)
    if not instances or not listed:
        raise wrong("instances", instances, "a list of objects with input and output")
    shared = {key: value for key, value in record.items() if key != "instances"}
    return [{**shared, **instance} for instance in instances]


def fold(
    record: Mapping[str, Any], rows: Sequence[Mapping[str, Any] | None]
) -> Mapping[str, Any] | None:
    """The record with the instances that are left, as they are now."""
    kept = refolded(record["instances"], rows)
    shared = next((row for row in rows if row is not None), record)
    return {**record, "instruction": shared["instruction"], "instances": kept} if kept else None


FORMATS.register("self_instruct")(
    Format("self_instruct", (frozenset({"instruction", "instances"}),), read, unfold, fold)
)
