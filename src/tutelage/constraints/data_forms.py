"""Responses that a program reads: JSON by a schema, YAML, XML, an expression, a label, a number.

All of the response is read, but for the space around it; JSON, YAML and XML may stand in a code
fence. Nothing here trusts it: a schema fetches nothing and its patterns, like the expressions, take
time in proportion to the text; XML with entities of its own is refused, since those can grow
without end; YAML is read up to a length, and as far as its merges (`<<`) stay that short. An answer
of 300 characters takes 3 µs by a schema (jsonschema-rs), 65 µs by an expression, 4 ms as YAML.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from itertools import accumulate
from typing import Annotated, Any
from xml.parsers import expat

import jsonschema_rs
import orjson
from pydantic import Field, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import ReusedAnchorWarning, YAMLError

from tutelage.constraints import expressions
from tutelage.constraints.constraint import CONSTRAINTS, Constraint
from tutelage.constraints.keywords import Words
from tutelage.constraints.parts import bare

_NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_WHOLE = r"\A(?:{})\z"
LONGEST_YAML = 10_000
"""Characters of a response that are read as YAML; ruamel takes 10 to 20 ms for a thousand."""
DEEPEST_YAML = 100
"""Brackets that may be open at once; with a few hundred, ruamel fails after 2.2 s."""


@lru_cache(maxsize=1024)
def _validator(schema: bytes) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(
        orjson.loads(schema), pattern_options=jsonschema_rs.RegexOptions(), offline=True
    )


@CONSTRAINTS.register("data:json_schema")
class JsonSchema(Constraint):
    """All of it is JSON that a schema allows, in a code fence or not."""

    json_schema: dict[str, Any]
    """The JSON Schema, of any draft. It refers to nothing outside of itself."""

    @field_validator("json_schema")
    @classmethod
    def _is_a_schema(cls, schema: dict[str, Any]) -> dict[str, Any]:
        try:
            _validator(orjson.dumps(schema))
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"expected a JSON Schema, found a fault in it: {reason}") from None
        return schema

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        try:
            value = orjson.loads(bare(response, "json"))
        except orjson.JSONDecodeError:
            return False
        return _validator(orjson.dumps(self.json_schema)).is_valid(value)


class _Merging(SafeConstructor):
    """Merges mappings (`<<`) as far as they stay small: of ten in each of ten come ten billion."""

    def flatten_mapping(self, node: Any) -> None:
        """See `SafeConstructor.flatten_mapping`."""
        super().flatten_mapping(node)
        if len(node.value) > LONGEST_YAML:
            raise ConstructorError(problem="too much is merged", problem_mark=node.start_mark)


@CONSTRAINTS.register("data:yaml")
class Yaml(Constraint):
    """All of it is a YAML mapping or list, in a code fence or not; at most 10,000 characters."""

    keys: Words | None = None
    """Keys that its top level has, among others."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        text = bare(response, "yaml", "yml")
        if len(text) > LONGEST_YAML or _most_open(text) > DEEPEST_YAML:
            return False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ReusedAnchorWarning)
                reader = YAML(typ="safe", pure=True)
                reader.Constructor = _Merging
                value = reader.load(text)
        except (YAMLError, LookupError, ValueError, TypeError, RecursionError):
            return False  # ruamel lets other errors out where a tag such as !!int has no value
        if self.keys is None:
            return isinstance(value, dict | list)
        return isinstance(value, dict) and set(self.keys) <= value.keys()


@CONSTRAINTS.register("data:xml")
class Xml(Constraint):
    """All of it is well-formed XML, in a code fence or not, without entities of its own."""

    root: Annotated[str, Field(pattern=r"^\S+$")] | None = None
    """The name of its outermost element."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        found: list[str] = []
        parser = expat.ParserCreate()
        parser.StartElementHandler = lambda name, _: found.append(name) if not found else None
        parser.EntityDeclHandler = _refuse
        try:
            parser.Parse(bare(response, "xml"), True)
        except (expat.ExpatError, ValueError):
            return False
        return self.root in {None, found[0]}


def _most_open(text: str) -> int:
    """The most brackets open at once, of those that YAML nests by."""
    steps = [(letter in "[{") - (letter in "]}") for letter in text]
    return max(accumulate(steps), default=0)


def _refuse(*_: object) -> None:
    raise ValueError("an entity of its own")


@CONSTRAINTS.register("data:regular_expression")
class RegularExpression(Constraint):
    """An expression matches the whole response, or a part of it."""

    pattern: str
    """The expression, in Rust's dialect: no look-around, no back-references."""
    whole: bool = True
    """Whether it must match all of the response; else it may match anywhere."""

    @field_validator("pattern")
    @classmethod
    def _can_be_used(cls, pattern: str) -> str:
        expressions.check(pattern)
        expressions.check(_WHOLE.format(pattern))
        return pattern

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        pattern = _WHOLE.format(self.pattern) if self.whole else self.pattern
        return expressions.found(pattern, response.strip())


@CONSTRAINTS.register("data:label_set")
class LabelSet(Constraint):
    """All of it is one of some labels, letter for letter."""

    labels: Words
    """The labels."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return response.strip() in {label.strip() for label in self.labels}


@CONSTRAINTS.register("data:number")
class Number(Constraint):
    """All of it is one number in digits, such as `-2.5` or `1,000`."""

    minimum: float | None = None
    """The smallest allowed."""
    maximum: float | None = None
    """The largest allowed."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        text = response.strip()
        if not _NUMBER.fullmatch(text):
            return False
        value = float(text.replace(",", "").replace("−", "-"))
        low, high = self.minimum, self.maximum
        return (low is None or value >= low) and (high is None or value <= high)
