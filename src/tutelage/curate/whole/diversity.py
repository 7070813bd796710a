"""Diversity: what kinds of task, topics, languages and lengths a dataset holds, and what it lacks.

Nothing here is a defect of a row, so there are no findings: the summary says plainly what is
missing ("no translation", "1 % code"), and the columns place every row on a map. Which kinds of
task instruction data should have is the list of the uses that Ouyang et al. (2022) found, and the
floor of 2 % is that of their rarest. A dataset for one purpose rightly has one kind.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.diversity.layout import layout
from tutelage.curate.diversity.spread import self_bleu, vendi
from tutelage.curate.diversity.task_types import TYPES, nearest
from tutelage.curate.diversity.topics import clusters, names
from tutelage.curate.findings import none

FLOOR = 0.02
"""Share of rows below which a kind of task is called rare."""

CEILING = 0.5
"""Share from which one kind outweighs all others."""

NAMED_FROM = 100
"""Rows of a cluster whose words name it."""

COMPARED = 100
"""Prompts that self-BLEU is taken of."""

ROOTS = 25
"""Verbs with their objects, and languages, that are listed."""


@WHOLE_CHECKS.register("diversity")
class Diversity(WholeCheck):
    """What the dataset is made of, and what it lacks."""

    severity = "info"
    title = "Diversity and coverage"
    suggestion = "Add rows of the kinds that are missing, if the model is to do them."
    needs = ("sklearn",)
    uses = ("embedding", "asking")
    slow = True

    def conclude(self, data: Dataset) -> Conclusion:
        """Shares and scores; `x`, `y`, `cluster`, `task_type` and `language` of each row."""
        vectors = data.feature("embedding")["vector"].to_numpy()
        asking = data.feature("asking")
        kinds = asking["ruled"].fill_null(nearest(vectors))
        places = layout(vectors, self.options.seed)
        groups = clusters(vectors, self.options.seed)
        sample = _sample(data, self.options.seed)
        return Conclusion(
            none(),
            {
                **coverage(kinds),
                "roots": _roots(asking),
                "vendi": round(vendi(vectors), 2),
                "self_bleu": _rounded(self_bleu(sample)),
                "clusters": _clusters(data, groups),
                "languages": _shares(asking["language"]),
                "turns": _shares(asking["turns"].cast(pl.String)),
                "words": {
                    part: _quantiles(asking[f"{part}_words"]) for part in ("prompt", "response")
                },
            },
            pl.DataFrame(
                {
                    "x": pl.Series(places[:, 0], dtype=pl.Float32),
                    "y": pl.Series(places[:, 1], dtype=pl.Float32),
                    "cluster": pl.Series(groups, dtype=pl.UInt16),
                    "task_type": kinds,
                    "language": asking["language"],
                }
            ),
        )


def coverage(kinds: pl.Series) -> dict[str, Any]:
    """Rows and share of each kind of task, and in words what is missing."""
    counts = dict(kinds.value_counts().iter_rows())
    shares = {name: counts.get(name, 0) / max(1, len(kinds)) for name in TYPES}
    missing = [
        f"no {name}" if not share else f"{share:.1%} {name}"
        for name, share in sorted(shares.items(), key=lambda item: item[1])
        if share < FLOOR
    ]
    most = max(shares, key=lambda name: shares[name])
    if shares[most] >= CEILING:
        missing.append(f"{shares[most]:.0%} is {most}")
    types = sorted(TYPES, key=lambda name: -shares[name])
    return {
        "task_types": {
            name: {"rows": counts.get(name, 0), "share": round(shares[name], 4)} for name in types
        },
        "missing": missing,
    }


def _sample(data: Dataset, seed: int) -> list[str]:
    draw = np.random.default_rng(seed)
    places = draw.choice(data.count, min(COMPARED, data.count), replace=False)
    texts: list[str] = data.rows(pl.Series(np.sort(places)))["instruction"].to_list()
    return texts


def _roots(asking: pl.DataFrame) -> dict[str, Any]:
    """The commonest verbs with their objects, and how many there are."""
    pairs = asking.select("verb", "noun").drop_nulls().group_by("verb", "noun").len("rows")
    pairs = pairs.sort("rows", "verb", "noun", descending=[True, False, False])
    return {
        "distinct": len(pairs),
        "verbs": asking["verb"].drop_nulls().n_unique(),
        "without": asking["verb"].null_count(),
        "commonest": pairs.head(ROOTS).to_dicts(),
    }


def _clusters(data: Dataset, groups: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Size and name of each cluster; the first is the largest."""
    sizes = np.bincount(groups)
    order = np.argsort(groups, kind="stable")
    some = [
        group[:: max(1, len(group) // NAMED_FROM)][:NAMED_FROM]
        for group in np.split(order, np.cumsum(sizes)[:-1])
    ]
    texts = data.rows(pl.Series(np.concatenate(some)))["instruction"].to_list()
    ends = np.cumsum([len(group) for group in some])
    named = names([texts[end - len(group) : end] for group, end in zip(some, ends, strict=True)])
    return [{"name": name, "rows": int(size)} for name, size in zip(named, sizes, strict=True)]


def _shares(values: pl.Series) -> dict[str, int]:
    """Rows of each value, the commonest first."""
    counted = (
        values.fill_null("not told")
        .value_counts()
        .sort(pl.col("count"), values.name, descending=[True, False])
    )
    return dict(counted.head(ROOTS).iter_rows())


def _quantiles(values: pl.Series) -> dict[str, float | None]:
    named = {"p1": 0.01, "p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99, "longest": 1.0}
    return {name: values.quantile(at) for name, at in named.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
