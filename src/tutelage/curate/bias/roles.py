"""In what roles women and men appear: occupations in sentences that name one gender alone."""

from __future__ import annotations

from typing import Any

import polars as pl

from tutelage.curate.bias.groups import groups, names, pattern
from tutelage.curate.words import sections

LEAST_SENTENCES = 10
SHOWN = 12
NORMAL_975 = 1.959964


def roles(said: pl.DataFrame) -> dict[str, Any]:
    """Occupations by the gender that stands with them.

    Args:
        said: see `sentences`.

    Returns:
        `women` (share of all such sentences that name women), `sentences`, and `uneven`: roles
        whose share differs from it, by more than the interval (Wilson, 95 %) allows.
    """
    place = {group.name: number for number, group in enumerate(groups()) if group.axis == "gender"}
    women, men = (names(pl.col("mask"), place[name]) for name in ("women", "men"))
    occupations = sections("occupations")["occupations"]
    one = said.filter(women != men).with_columns(women.alias("women"))
    # The plural counts with its singular; the longest name wins ("police officer").
    pairs = (
        one.select(
            "women",
            pl.col("text")
            .str.to_lowercase()
            .str.extract_all(pattern((*occupations, *(f"{name}s" for name in occupations))))
            .list.unique()
            .alias("role"),
        )
        .explode("role")
        .drop_nulls()
    )
    known = set(occupations)
    singular = (
        pl.when(pl.col("role").is_in(list(known)))
        .then("role")
        .otherwise(pl.col("role").str.strip_suffix("s"))
    )
    counted = (
        pairs.group_by(singular.alias("role"))
        .agg(pl.len().alias("sentences"), pl.col("women").sum().alias("named"))
        .sort("sentences", "role", descending=[True, False])
    )
    total = int(counted["sentences"].sum())
    share = int(counted["named"].sum()) / total if total else 0.0
    entries = []
    for role, count, named in counted.filter(pl.col("sentences") >= LEAST_SENTENCES).iter_rows():
        low, high = wilson(named, count)
        if not low <= share <= high:
            entries.append(
                {
                    "role": role,
                    "sentences": count,
                    "women": round(named / count, 3),
                    "interval": [round(low, 3), round(high, 3)],
                }
            )
    entries.sort(key=lambda entry: -abs(entry["women"] - share))
    return {"women": round(share, 3), "sentences": total, "uneven": entries[:SHOWN]}


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Interval of a share at 95 % (Wilson 1927)."""
    share, z2 = part / whole, NORMAL_975**2
    middle = share + z2 / (2 * whole)
    spread = NORMAL_975 * (share * (1 - share) / whole + z2 / (4 * whole**2)) ** 0.5
    scale = 1 + z2 / whole
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
