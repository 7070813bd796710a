"""What a verifiable constraint is, and the strict and the loose rule by which it is judged.

The 25 kinds are those of IFEval (Zhou et al. 2023, arXiv:2311.07911), written anew from the
published rules under the published ids and option names; a test holds them equal to verdicts
recorded from the reference. Its rules are nondeterministic in three places, where ours decide:

- `keywords:letter_frequency` with something else than an English letter, such as `#`: the
  reference counts a random letter instead; we count the character that was asked for.
- Languages: langdetect samples, unseeded; we use fastText's `lid.176` (`languages.py`).
- Sentences and capital words: NLTK's models change with its version; ours are rules in
  `sentences.py` and `words.py`, their agreement measured in benchmarks/RESULTS.md, "IFEval".

A required option that is missing is an error here, where the reference draws one at random, and
keywords and markers are literal text, where it reads them as regular expressions: no published
prompt can tell the difference, and a pattern from a hostile data set cannot hang us.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tutelage.errors import UserError, nearest
from tutelage.options import Options
from tutelage.registry import Registry

Relation = Literal["less than", "at least"]
"""How a count compares with the number asked for; strictly less, or that many and more."""


class Constraint(Options, ABC):
    """One constraint with its options; a kind is a subclass, registered under its id."""

    @abstractmethod
    def holds(self, response: str, prompt: str) -> bool:
        """Whether a response that is not blank meets the constraint.

        Args:
            response: what the model or the data set answers.
            prompt: what it answers to.
        """


CONSTRAINTS: Registry[type[Constraint]] = Registry("constraint", "tutelage.constraints")


def constraint(name: str, kwargs: Mapping[str, Any], where: str | None = None) -> Constraint:
    """The constraint called `name` with its options checked.

    Args:
        name: an id such as `keywords:existence`.
        kwargs: its options by name; those that are None are left out, as published rows carry
            every option of every kind. Whole floats are taken for whole numbers, since tables
            with gaps turn one into the other.
        where: the place to name in a message.

    Raises:
        UserError: no such kind, an unknown or missing option, or a value it cannot take.
    """
    kind = CONSTRAINTS.get(name, where)
    given = {key: _whole(value) for key, value in kwargs.items() if value is not None}
    try:
        return kind.model_validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        raise _mistake(name, kind, error.errors(include_url=False)[0], where) from None


def holds(wanted: Constraint, response: str, prompt: str = "") -> bool:
    """The strict rule: the response as it is; a blank one meets nothing."""
    return bool(response.strip()) and wanted.holds(response, prompt)


def holds_loosely(wanted: Constraint, response: str, prompt: str = "") -> bool:
    """The loose rule: the response in any of eight variants meets the constraint.

    The variants forgive an opening ("Sure, here it is:"), a closing and Markdown emphasis: the
    first line dropped, the last, both or neither, each with and without its asterisks.
    """
    return any(holds(wanted, variant, prompt) for variant in _variants(response))


def compare(count: int, relation: Relation, number: int) -> bool:
    """Whether a count stands in the relation to the number asked for."""
    return count < number if relation == "less than" else count >= number


def _variants(response: str) -> Iterator[str]:
    """The eight texts of the loose rule, the most likely first, each once."""
    lines = response.split("\n")
    cut = (lines[1:], lines[:-1], lines[1:-1])
    texts = [response, *("\n".join(kept).strip() for kept in cut)]
    yield from dict.fromkeys([*texts, *(text.replace("*", "") for text in texts)])


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _mistake(
    name: str, kind: type[Constraint], error: ErrorDetails, where: str | None
) -> UserError:
    """The first error of a constraint's options in words."""
    field = ".".join(map(str, error["loc"]))
    known = sorted(kind.model_fields)
    if error["type"] == "extra_forbidden":
        expected = f"expected {', '.join(known)}" if known else "it has no options"
        close = nearest(field, known)
        fix = f"did you mean {' or '.join(close)}?" if close else None
        return UserError(f"{name} has no option '{field}'; {expected}", where=where, fix=fix)
    if error["type"] == "missing":
        return UserError(f"{name} needs the option '{field}', which is missing", where=where)
    expected = error["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    expected = expected.replace("should have", "expected to have")
    found = "" if error["type"] == "value_error" else f", found {error['input']!r}"
    return UserError(f"{name}, option '{field}': {expected}{found}", where=where)
