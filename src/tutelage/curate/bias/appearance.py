"""Who appears: of the rows that name anyone on an axis, the share that name each group."""

from __future__ import annotations

from typing import Any

import polars as pl

from tutelage.curate.bias.bundles import bundle, estimates, gap, ratio, sums
from tutelage.curate.bias.groups import axes, groups, names
from tutelage.statistics.resampling import Measurement

PARTS = ("prompt", "response")

Shares = dict[str, dict[str, dict[str, dict[str, Any]]]]


def appearance(people: pl.DataFrame, seed: int, reference: pl.DataFrame | None = None) -> Shares:
    """Rows and shares by part, axis and group.

    Args:
        people: the feature of every row.
        seed: of the intervals.
        reference: the feature of every row of a corpus to compare with; what a group's share
            has more than there is then given too, as `more`.

    Returns:
        By part, axis and group that appears: `rows`, `value` and `interval`.
    """
    return {part: _of_part(people, part, seed, reference) for part in PARTS}


def _of_part(
    people: pl.DataFrame, part: str, seed: int, reference: pl.DataFrame | None
) -> dict[str, dict[str, dict[str, Any]]]:
    named = _named(people, part)
    others = None if reference is None else _named(reference, part)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for axis, places in axes().items():
        on_axis = pl.any_horizontal(names(pl.col("mask"), place) for place in places)
        counts = sums(
            named, [names(pl.col("mask"), p).alias(str(p)) for p in places] + [on_axis.alias("any")]
        )
        if not counts.size or not counts[:, -1].any():
            continue
        there = [i for i in range(len(places)) if counts[:, i].any()]
        measured = estimates([Measurement(counts[:, [i, -1]], ratio) for i in there], seed)
        found[axis] = {
            groups()[places[i]].name: {"rows": int(counts[:, i].sum()), **estimate.rounded()}
            for i, estimate in zip(there, measured, strict=True)
        }
        if others is not None:
            more = _more(named, others, places, seed)
            for name, entry in found[axis].items():
                entry["more"] = more[name]
    return found


def _named(people: pl.DataFrame, part: str) -> pl.DataFrame:
    """`bundle` and `mask` of the rows that name anyone."""
    rows = people.select(pl.col(f"{part}_groups").alias("mask")).with_row_index("at")
    return rows.filter(pl.col("mask") > 0).select(bundle(pl.col("at")).alias("bundle"), "mask")


def _more(
    named: pl.DataFrame, others: pl.DataFrame, places: tuple[int, ...], seed: int
) -> dict[str, Any]:
    """How much greater each group's share of an axis is here than in the reference."""
    both = pl.concat(
        [
            named.with_columns(pl.lit(True).alias("here")),
            others.with_columns(pl.lit(False).alias("here")),
        ]
    )
    any_of_them = pl.any_horizontal(names(pl.col("mask"), place) for place in places)
    columns = []
    for place in places:
        for here in (pl.col("here"), ~pl.col("here")):
            columns += [names(pl.col("mask"), place) & here, any_of_them & here]
    counts = sums(both, [column.alias(str(i)) for i, column in enumerate(columns)])
    measured = estimates(
        [Measurement(counts[:, 4 * i : 4 * i + 4], gap) for i in range(len(places))], seed
    )
    return {
        groups()[place].name: estimate.rounded()
        for place, estimate in zip(places, measured, strict=True)
    }
