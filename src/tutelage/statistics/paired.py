"""Two systems on the same items: the difference, its interval, and a test of it.

The interval is a paired bootstrap: both systems are measured on the same resamples (Koehn 2004).
The test is paired approximate randomisation (Noreen 1989; Riezler and Maxwell 2005): if the two
were the same, swapping their outputs on any item would change nothing, so the difference is
compared with its distribution under random swaps. It assumes no distribution, works for corpus
metrics, and its p-value (c + 1) / (n + 1) is valid for any number of swaps n, so never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tutelage.statistics.resampling import (
    Floats,
    Interval,
    Measurement,
    Seed,
    blocks,
    bootstrap,
    percentile_interval,
    stack,
)

TIE = 1e-10
"""Differences closer than this, relative to the values, are ties: discrete metrics tie often, and
sums in another order differ in their last digits."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Base and tuned on the same items.

    Attributes:
        base: the metric of the base system.
        base_interval: its bootstrap interval.
        tuned: the metric of the tuned system.
        tuned_interval: its bootstrap interval.
        difference: tuned minus base.
        interval: bootstrap interval of the difference, paired.
        p_value: two-sided, of paired approximate randomisation.
    """

    base: float
    base_interval: Interval
    tuned: float
    tuned_interval: Interval
    difference: float
    interval: Interval
    p_value: float


@dataclass(frozen=True, slots=True)
class PairedDraws:
    """One metric of both systems, on all items and on the resamples.

    Attributes:
        base: value of the base system.
        tuned: value of the tuned system.
        base_draws: (resamples,) bootstrap values of the base system.
        tuned_draws: (resamples,) of the tuned system, on the same resamples.
        null_differences: (resamples,) tuned minus base after random swaps.
    """

    base: float
    tuned: float
    base_draws: Floats
    tuned_draws: Floats
    null_differences: Floats

    def summary(self, confidence: float) -> Comparison:
        """Intervals at a level of confidence, and the p-value."""
        return Comparison(
            base=self.base,
            base_interval=percentile_interval(self.base_draws, confidence),
            tuned=self.tuned,
            tuned_interval=percentile_interval(self.tuned_draws, confidence),
            difference=self.tuned - self.base,
            interval=percentile_interval(self.tuned_draws - self.base_draws, confidence),
            p_value=self.p_value,
        )

    def rescaled(self, factor: float, offset: float) -> PairedDraws:
        """The same metric in another unit: every value times `factor` plus `offset`."""
        return PairedDraws(
            base=self.base * factor + offset,
            tuned=self.tuned * factor + offset,
            base_draws=self.base_draws * factor + offset,
            tuned_draws=self.tuned_draws * factor + offset,
            null_differences=self.null_differences * factor,
        )

    @property
    def p_value(self) -> float:
        """Share of random swaps that make a difference at least as large, itself included."""
        tie = TIE * max(1.0, abs(self.base), abs(self.tuned))
        as_large = np.abs(self.null_differences) >= abs(self.tuned - self.base) - tie
        return float((as_large.sum() + 1) / (len(as_large) + 1))


def paired_draws(
    base: Sequence[Measurement], tuned: Sequence[Measurement], *, resamples: int, seed: Seed
) -> list[PairedDraws]:
    """Resample the metrics of two systems together.

    Args:
        base: metrics of the base system.
        tuned: the same metrics of the tuned system, of the same items in the same order.
        resamples: bootstrap resamples, and random swaps.
        seed: of both.

    Returns:
        One for each metric.
    """
    drawing, swapping = np.random.SeedSequence(seed).generate_state(2).tolist()
    draws = bootstrap([*base, *tuned], resamples=resamples, seed=drawing)
    null_differences = _swap(base, tuned, resamples=resamples, seed=swapping)
    return [
        PairedDraws(
            base=one.value,
            tuned=other.value,
            base_draws=draws[:, index],
            tuned_draws=draws[:, len(base) + index],
            null_differences=null_differences[:, index],
        )
        for index, (one, other) in enumerate(zip(base, tuned, strict=True))
    ]


def compare(
    base: Sequence[Measurement],
    tuned: Sequence[Measurement],
    *,
    confidence: float,
    resamples: int,
    seed: Seed,
) -> list[Comparison]:
    """Compare two systems by several metrics of the same items; see `paired_draws`."""
    draws = paired_draws(base, tuned, resamples=resamples, seed=seed)
    return [each.summary(confidence) for each in draws]


def average(draws: Sequence[PairedDraws]) -> PairedDraws:
    """The mean of independent groups of items, such as tasks: each is resampled within itself."""
    return PairedDraws(
        base=float(np.mean([each.base for each in draws])),
        tuned=float(np.mean([each.tuned for each in draws])),
        base_draws=np.mean([each.base_draws for each in draws], axis=0),
        tuned_draws=np.mean([each.tuned_draws for each in draws], axis=0),
        null_differences=np.mean([each.null_differences for each in draws], axis=0),
    )


def _swap(
    base: Sequence[Measurement], tuned: Sequence[Measurement], *, resamples: int, seed: Seed
) -> Floats:
    """(resamples, metrics) tuned minus base where each item is swapped with probability 1/2."""
    base_statistics, spans = stack(base)
    tuned_statistics, _ = stack(tuned)
    base_totals, tuned_totals = base_statistics.sum(axis=0), tuned_statistics.sum(axis=0)
    change = tuned_statistics - base_statistics
    generator = np.random.default_rng(seed)
    differences = np.empty((resamples, len(base)))
    for rows in blocks(resamples, len(change)):
        shape = (rows.stop - rows.start, len(change))
        bits = np.frombuffer(generator.bytes(-(-shape[0] * shape[1] // 8)), np.uint8)
        swapped = np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape)
        moved = swapped.astype(np.float64) @ change
        for index, (metric, span) in enumerate(zip(base, spans, strict=True)):
            after = metric.aggregate(tuned_totals[span] - moved[:, span])
            before = metric.aggregate(base_totals[span] + moved[:, span])
            differences[rows, index] = after - before
    return differences
