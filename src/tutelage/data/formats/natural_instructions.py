"""Task files of Natural Instructions, versions 1 and 2: one task a file, many instances.

The definition is the instruction and stands before each instance's input after a blank line, so
that a task's examples share their beginning. All outputs are references, the first of them the
response. The task is the file's (or its folder's) name; the task's own positive and negative
examples are kept in `meta`, one object for all instances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.data.conversation import assistant, joined, user
from tutelage.data.fates import Reason
from tutelage.data.format import FORMATS, Draft, Format, refolded
from tutelage.data.options import SourceOptions
from tutelage.data.rows import BadRow, Row, wrong


def unfold(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The instances of a task, each with the definition and the task's examples."""
    instances = record.get("Instances")
    if not isinstance(instances, list) or not instances:
        raise wrong("Instances", instances, "a list of instances")
    nested = record.get("Examples")
    held = nested if isinstance(nested, Mapping) else record
    shared = {
        "definition": record.get("Definition"),
        "positive_examples": held.get("Positive Examples"),
        "negative_examples": held.get("Negative Examples"),
        "categories": record.get("Categories"),
    }
    return [
        {**shared, **instance} if isinstance(instance, Mapping) else {"instance": instance}
        for instance in instances
    ]


def fold(
    record: Mapping[str, Any], rows: Sequence[Mapping[str, Any] | None]
) -> Mapping[str, Any] | None:
    """The task with the instances that are left, as they are now."""
    kept = refolded(record["Instances"], rows)
    shared = next((row for row in rows if row is not None), record)
    return {**record, "Definition": shared["definition"], "Instances": kept} if kept else None


def read(row: Row, options: SourceOptions) -> Draft:
    """Read one instance."""
    if "instance" in row.values:
        raise wrong("Instances", row.values["instance"], "an object with input and output")
    definition = row.get("definition")
    if isinstance(definition, list):
        definition = "\n".join(row.as_text(part, "definition") for part in definition)
    prompt = joined(row.as_text(definition, "definition"), row.optional_text("input"))
    outputs = _outputs(row)
    references = outputs if len(outputs) > 1 else ()
    return Draft((user(prompt), assistant(outputs[0])), references=references)


def _outputs(row: Row) -> tuple[str, ...]:
    """The distinct outputs, of a list or of one text."""
    value = row.get("output")
    if not isinstance(value, Sequence) or isinstance(value, str):
        return (row.text("output"),)
    if not value:
        raise BadRow(Reason.EMPTY_FIELD, "output", "an empty list", "at least one output")
    return tuple(dict.fromkeys(row.as_text(text, "output") for text in value))


FORMATS.register("natural_instructions")(
    Format("natural_instructions", (frozenset({"Definition", "Instances"}),), read, unfold, fold)
)
