"""What a judge says of rows, as columns: the seam between whoever asks it and the checks that read
its words.

Asking takes a network and money, so it is no check's: a job asks about a sample once and stores the
columns `judge`; checks then only read. What a judge says depends on the judge, so every finding
quotes its reason, and none is more than a warning.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tutelage.judge import CRITERIA, Judgement, Preference, Unjudged

JUDGED: dict[str, pl.DataType | type[pl.DataType]] = {
    "outcome": pl.String,
    **dict.fromkeys(CRITERIA, pl.Int8),
    "worst": pl.String,
    "reason": pl.String,
    "preferred": pl.String,
    "preferred_reason": pl.String,
}
"""Columns of every row: `judged` or why not (null: not in the sample); the scores from 1 to 5; the
criterion with the lowest, and its reason; of rows with an undesired response, which of the two the
judge prefers: `chosen`, `rejected` or `tie`, or why that is not known."""

PREFERRED = {"a": "chosen", "b": "rejected", "tie": "tie"}


def judged_rows(
    count: int,
    places: Sequence[int],
    judgements: Sequence[Judgement | Unjudged | None],
    preferences: Sequence[Preference | Unjudged | None],
) -> pl.DataFrame:
    """The columns of all rows.

    Args:
        count: rows there are.
        places: of those that were judged.
        judgements: of their responses; None where none was asked for.
        preferences: between their first undesired response and theirs; None where there is none.

    Returns:
        One line for each of `count` rows, as in `JUDGED`.
    """
    lines = [
        {"at": at, **_rated(judgement), **_preferred(preference)}
        for at, judgement, preference in zip(places, judgements, preferences, strict=True)
    ]
    known = pl.DataFrame(lines, schema={"at": pl.Int64, **JUDGED})
    rows = pl.DataFrame({"at": range(count)}, schema={"at": pl.Int64})
    return rows.join(known, on="at", how="left", maintain_order="left").drop("at")


def _rated(judgement: Judgement | Unjudged | None) -> dict[str, str | int]:
    if judgement is None:
        return {}
    if isinstance(judgement, Unjudged):
        return {"outcome": judgement.why}
    worst = judgement.worst
    return {
        "outcome": "judged",
        **{criterion: judgement.of(criterion).score for criterion in CRITERIA},
        "worst": worst,
        "reason": judgement.of(worst).reason,
    }


def _preferred(preference: Preference | Unjudged | None) -> dict[str, str]:
    if preference is None:
        return {}
    if isinstance(preference, Unjudged):
        return {"preferred": preference.why}
    return {
        "preferred": PREFERRED[preference.better],
        "preferred_reason": preference.reason,
    }
