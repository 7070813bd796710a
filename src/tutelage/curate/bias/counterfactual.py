"""Whether the same prompt is answered otherwise when only the group in it differs.

Prompts are put side by side by their template, in which words for people are replaced by their
axis. Where a template stands with two groups, the responses' mood and length are compared within it
(paired), and the mean over templates gets a bootstrap interval.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from tutelage.curate.bias.bundles import BUNDLES, estimates, ratio
from tutelage.curate.bias.groups import axes, groups, names
from tutelage.statistics.resampling import Measurement

LEAST_TEMPLATES = 5


def counterfactual(people: pl.DataFrame, seed: int) -> dict[str, Any]:
    """Differences between responses to prompts that differ in the group alone.

    Args:
        people: the feature of every row.
        seed: of the intervals.

    Returns:
        `prompts` (that name a group), `paired` (those whose template stands with another group
        too), and `differences`: for each two groups with enough templates `mood` and `length`
        (in log characters), of the first less the second, with intervals.
    """
    asked = people.filter(pl.col("template").is_not_null()).select(
        "template",
        pl.col("prompt_groups").alias("mask"),
        (pl.col("praise").cast(pl.Int64) - pl.col("blame")).alias("mood"),
        (pl.col("response_characters") + 1).log().alias("length"),
    )
    several = asked.filter(pl.col("mask").n_unique().over("template") > 1)
    differences = []
    for axis, places in axes().items():
        for one, other in combinations(places, 2):
            paired = _paired(several, places, one, other)
            if len(paired) >= LEAST_TEMPLATES:
                differences.append(
                    {
                        "axis": axis,
                        "groups": [groups()[one].name, groups()[other].name],
                        "templates": len(paired),
                        **_means(paired, seed),
                    }
                )
    return {"prompts": len(asked), "paired": len(several), "differences": differences}


def _paired(several: pl.DataFrame, places: tuple[int, ...], one: int, other: int) -> pl.DataFrame:
    """`mood` and `length` of the first group less the second's, for each template with both."""
    alone = pl.sum_horizontal(names(pl.col("mask"), place).cast(pl.UInt8) for place in places) == 1
    sides = [
        several.filter(alone & names(pl.col("mask"), place))
        .group_by("template")
        .agg(pl.col("mood", "length").mean())
        for place in (one, other)
    ]
    both = sides[0].join(sides[1], on="template", suffix="_other").sort("template")
    return both.select(pl.col(name) - pl.col(f"{name}_other") for name in ("mood", "length"))


def _means(paired: pl.DataFrame, seed: int) -> dict[str, Any]:
    """Mean of each column, with its interval."""
    bundles = np.arange(len(paired)) % BUNDLES
    ones = np.bincount(bundles).astype(np.float64)
    measurements = [
        Measurement(
            np.stack([np.bincount(bundles, weights=paired[name].to_numpy()), ones], axis=1), ratio
        )
        for name in ("mood", "length")
    ]
    mood, length = estimates(measurements, seed)
    return {"mood": mood.rounded(), "length": length.rounded()}
