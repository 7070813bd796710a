"""JSON Schemas of the files of figures, made from the types.

    python -m tutelage.pipeline.schemas.generate src/tutelage/pipeline/schemas

A test compares the shipped files with what the types say. Every number may be null: figures that
could not be computed are (`rundir.write_json`). Nothing that is not named may be there: a figure
that is written but not described is found by the first run that is validated.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from tutelage.evaluate.change import Change
from tutelage.pipeline.schemas import Name, file_of
from tutelage.pipeline.schemas.metrics import Metrics
from tutelage.pipeline.schemas.results import Results, SuiteRow
from tutelage.rundir import write_json

TYPES: Mapping[Name, Any] = {"metrics": Metrics, "results": Results}

_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_NUMBER = {"type": ["number", "null"]}


class _Figures(GenerateJsonSchema):
    """Numbers may be null; names that only repeat the key are left out."""

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        """A number, or null."""
        return dict(_NUMBER)

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """As it is where it may be null anyway."""
        inner = self.generate_inner(schema["schema"])
        return inner if inner == _NUMBER else super().nullable_schema(schema)

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        return False


def schema_of(name: Name) -> dict[str, Any]:
    """The schema of a file."""
    made = TypeAdapter(TYPES[name]).json_schema(mode="serialization", schema_generator=_Figures)
    for part in (made, *made["$defs"].values()):
        if "properties" in part:
            _describe(part)
    return {"$schema": GenerateJsonSchema.schema_dialect, "$id": f"urn:tutelage:{name}:1", **made}


def _describe(part: dict[str, Any]) -> None:
    """Close an object, and give its properties what the docstring says of them."""
    about, _, attributes = part["description"].partition("Attributes:\n")
    told = _told(attributes)
    if part["title"] == SuiteRow.__name__:  # the rest is told where it comes from
        told |= _told((inspect.getdoc(Change) or "").partition("Attributes:\n")[2])
    part["description"] = " ".join(about.split())
    part["additionalProperties"] = False
    for name, text in told.items():
        part["properties"][name]["description"] = text


def _told(attributes: str) -> dict[str, str]:
    """What a docstring's list of attributes says of each."""
    return {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(attributes)}


if __name__ == "__main__":
    for name in TYPES:
        write_json(Path(sys.argv[1]) / file_of(name).name, schema_of(name))
