"""A judge behind an endpoint, asked about a sample of rows, for `audit --judge-model`.

Checks of the whole read what it says as the columns `judge`. Replies are kept in the audit's
folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tutelage.curate.check import Conclusion
from tutelage.curate.findings import none
from tutelage.curate.judging import judged_rows
from tutelage.data.audit_options import AuditOptions, JudgeOptions
from tutelage.data.example import Example, Message
from tutelage.data.options import SourceOptions
from tutelage.infer.endpoint.errand import Errand
from tutelage.judge import (
    CRITERIA,
    RUBRIC,
    Exchange,
    Judgement,
    Pair,
    Preference,
    Unjudged,
    compare,
    rate,
)
from tutelage.pipeline.audit.again import examples_again
from tutelage.pipeline.judging import EndpointJudge
from tutelage.pipeline.stages import stage
from tutelage.statistics.resampling import Measurement, bootstrap, percentile_interval

SETTINGS = "data.audit.judge"

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(slots=True)
class Judge:
    """A judge that is ready to be asked.

    Attributes:
        options: who it is, and what it is asked.
        seed: of the sample.
        wanted: what checks want to know, as in `WholeCheck.judged`.
        ask: the judge itself.
    """

    options: JudgeOptions
    seed: int
    wanted: AbstractSet[str]
    ask: EndpointJudge

    def conclude(
        self, sources: Sequence[SourceOptions], base: Path, places: pl.DataFrame
    ) -> Conclusion:
        """Judge a sample of a dataset's rows.

        Args:
            sources: what was audited; the rows of the sample are read again.
            base: what relative paths start from.
            places: `source` and `row` of every row, in order.

        Returns:
            Columns as in `curate.judging.JUDGED`, and a summary of them.

        Raises:
            UserError: the endpoint cannot be asked, or the data is not what it was. What was
                answered is kept.
        """
        drawn = self._sample(len(places))
        again = zip(drawn, _chosen(examples_again(sources, base, places), drawn), strict=True)
        asked = [(at, row) for at, row in again if row.response is not None]
        sample, rows = [at for at, _ in asked], [row for _, row in asked]
        stage(f"asking {self.options.model} at {self.ask.served.host} about {len(rows)} rows")
        judgements, preferences = self._rated(rows), self._compared(rows)
        table = judged_rows(len(places), sample, judgements, preferences)
        return Conclusion(none(), self._summary(table, preferences), table)

    def _rated(self, rows: Sequence[Example]) -> Sequence[Judgement | Unjudged | None]:
        if "rated" not in self.wanted:
            return [None] * len(rows)
        exchanges = [Exchange(row.prompt, row.messages[-1]) for row in rows]
        return rate(self.ask, exchanges, self.ask.fence, self.options.rubric or RUBRIC)

    def _compared(self, rows: Sequence[Example]) -> list[Preference | Unjudged | None]:
        paired = [bool(row.negatives) and "compared" in self.wanted for row in rows]
        pairs = [
            Pair(row.prompt, row.messages[-1], Message("assistant", row.negatives[0]))
            for row, is_paired in zip(rows, paired, strict=True)
            if is_paired
        ]
        said = iter(compare(self.ask, pairs, self.ask.fence))
        return [next(said) if is_paired else None for is_paired in paired]

    def _sample(self, count: int) -> list[int]:
        """Places of the rows to judge, in order."""
        if count <= self.options.sample:
            return list(range(count))
        drawn = np.random.default_rng(self.seed).choice(count, self.options.sample, replace=False)
        return sorted(drawn.tolist())

    def _summary(
        self, table: pl.DataFrame, preferences: Sequence[Preference | Unjudged | None]
    ) -> dict[str, Any]:
        """What is true of the sample, for `audit.json`."""
        asked = table.drop_nulls("outcome")
        outcomes = Counter(asked["outcome"].to_list())
        known = asked.filter(pl.col("outcome") == "judged")
        said: dict[str, Any] = {
            "model": self.options.model,
            "answered_by": sorted(self.ask.answered_by),
            "url": self.ask.served.url,
            "sample": len(preferences),
        }
        if "rated" in self.wanted:
            said["judged"] = outcomes.pop("judged", 0)
            said["not_judged"] = dict(outcomes)
            said["scores"] = _means(known, self.seed)
        if compared := [one for one in preferences if one is not None]:
            said["pairs"] = _pairs(table, compared)
        if self.options.price is not None:
            said["cost"] = self.ask.cost
        return said


def judge_of(options: AuditOptions, wanted: AbstractSet[str], folder: Path, out: Path) -> Judge:
    """The judge that the options name.

    Args:
        options: with the name of a judge.
        wanted: what checks want to know, as in `WholeCheck.judged`.
        folder: where replies are kept.
        out: the audit's folder, for messages.

    Raises:
        UserError: its key is not in the environment, or the folder holds what is not ours.
    """
    errand = Errand(SETTINGS, f"tutelage audit … --out {out}")
    return Judge(options.judge, options.seed, wanted, EndpointJudge(options.judge, folder, errand))


def _chosen(rows: Iterable[Example], sample: Sequence[int]) -> Iterator[Example]:
    """The rows at places in rising order; no row behind the last is read."""
    wanted = iter(sample)
    place = next(wanted)
    for at, row in enumerate(rows):
        if at == place:
            yield row
            place = next(wanted, -1)
            if place < 0:
                return


def _means(known: pl.DataFrame, seed: int) -> dict[str, dict[str, float]]:
    """The mean of each score, with its interval over resampled rows."""
    if known.is_empty():
        return {}
    measurements = [
        Measurement(
            np.stack([known[name].to_numpy().astype(float), np.ones(len(known))], axis=1),
            lambda totals: totals[..., 0] / totals[..., 1],
        )
        for name in CRITERIA
    ]
    draws = bootstrap(measurements, resamples=RESAMPLES, seed=seed)
    means: dict[str, dict[str, float]] = {}
    for number, (name, measurement) in enumerate(zip(CRITERIA, measurements, strict=True)):
        low, high = percentile_interval(draws[:, number], CONFIDENCE)
        found = {"mean": measurement.value, "low": low, "high": high}
        means[name] = {key: round(value, 4) for key, value in found.items()}
    return means


def _pairs(table: pl.DataFrame, compared: Sequence[Preference | Unjudged]) -> dict[str, int]:
    """How often each is preferred, and how often the orders disagreed: the judge's love of a
    place."""
    preferred = Counter(table["preferred"].drop_nulls().to_list())
    known = [one for one in compared if isinstance(one, Preference)]
    return {
        "compared": len(known),
        **{name: preferred[name] for name in ("chosen", "rejected", "tie")},
        "not_compared": len(compared) - len(known),
        "orders_disagree": sum(not one.agreed for one in known),
    }
