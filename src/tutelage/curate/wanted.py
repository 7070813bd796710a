"""Rows whose response must meet verifiable constraints, stated in words or given with the row.

A cheap search over the whole column leaves the few instructions that may state something; those
alone are read by `constraints.stated`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import polars as pl

from tutelage.constraints.stated import HINTS, LIKELY, stated
from tutelage.constraints.wording import Said
from tutelage.curate.batch import Batch


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row and what its response must meet.

    Attributes:
        at: the row's place in the batch.
        instruction: the last user turn, without its input.
        instruction_field: where it stands.
        response: the answer to it.
        response_field: where it stands.
        said: constraints that the instruction states.
        given: constraints of the row's own, as they stand in it, `{"id": …, "kwargs": …}`.
    """

    at: int
    instruction: str
    instruction_field: str | None
    response: str
    response_field: str | None
    said: tuple[Said, ...]
    given: tuple[dict[str, object], ...]


def wanted(batch: Batch) -> Iterator[Wanted]:
    """The rows of a batch that have a constraint."""
    instruction = pl.col("instruction")
    hinted = batch.rows.filter(
        pl.col("constraints").is_not_null()
        | instruction.str.contains_any(HINTS, ascii_case_insensitive=True)
    )
    likely = hinted.filter(
        pl.col("constraints").is_not_null()
        | pl.any_horizontal(map(instruction.str.contains, LIKELY))
    ).select(
        *("at", "instruction", "instruction_field", "response", "response_field", "constraints")
    )
    for at, text, text_field, response, response_field, own in likely.iter_rows():
        said = stated(text)
        given = tuple(orjson.loads(own)) if own else ()
        if said or given:
            yield Wanted(at, text, text_field, response, response_field, said, given)
