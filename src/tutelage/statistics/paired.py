"""Two systems on the same items: the difference, its interval, and a test of it.

The interval is a paired bootstrap: both systems are measured on the same resamples (Koehn 2004).
The test is paired approximate randomisation (Noreen 1989; Riezler and Maxwell 2005): if the two
were the same, swapping their outputs on any item would change nothing, so the difference is
compared with its distribution under random swaps. It assumes no distribution, works for corpus
metrics, and its p-value (c + 1) / (n + 1) is valid for any number of swaps n, so never 0.
Items of one source are drawn, and swapped, together.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from tutelage.statistics.effects import Effect, EffectDraws, effect_measurements, effects_of
from tutelage.statistics.intervals import PairedShares, draws_interval, is_share, mean_interval
from tutelage.statistics.resampling import (
    Floats,
    Interval,
    Measurement,
    Seed,
    blocks,
    bootstrap,
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
        interval: of the difference, paired.
        p_value: two-sided, of paired approximate randomisation.
        standard_error: bootstrap standard error of the difference.
        effects: effect sizes by name; see `effects`.
    """

    base: float
    base_interval: Interval
    tuned: float
    tuned_interval: Interval
    difference: float
    interval: Interval
    p_value: float
    standard_error: float
    effects: dict[str, Effect]


@dataclass(frozen=True, slots=True)
class PairedDraws:
    """One metric of both systems, on all items and on the resamples.

    Attributes:
        base: value of the base system.
        tuned: value of the tuned system.
        base_draws: (resamples,) bootstrap values of the base system.
        tuned_draws: (resamples,) of the tuned system, on the same resamples.
        null_differences: (resamples,) tuned minus base after random swaps.
        units: how many items, or clusters, were drawn.
        bounds: the least and the greatest value of the metric; None if there are none.
        shares: what was right, where the metric is a share of right items that were drawn singly.
        effects: draws of effect sizes.
        parts: what this is the mean of, if it is.
    """

    base: float
    tuned: float
    base_draws: Floats
    tuned_draws: Floats
    null_differences: Floats
    units: int
    bounds: Interval | None = None
    shares: PairedShares | None = None
    effects: tuple[EffectDraws, ...] = ()
    parts: tuple[PairedDraws, ...] = ()

    def summary(self, confidence: float) -> Comparison:
        """Intervals at a level of confidence, the p-value and effect sizes."""
        base, tuned, difference = self._intervals(confidence)
        return Comparison(
            base=self.base,
            base_interval=base,
            tuned=self.tuned,
            tuned_interval=tuned,
            difference=self.tuned - self.base,
            interval=difference,
            p_value=self.p_value,
            standard_error=float(np.std(self.tuned_draws - self.base_draws)),
            effects=effects_of(self.effects, self.shares, self.units, confidence),
        )

    def _intervals(self, confidence: float) -> tuple[Interval, Interval, Interval]:
        """Of base, tuned and their difference."""
        if self.parts:
            found = [part._intervals(confidence) for part in self.parts]
            values = [(part.base, part.tuned, part.tuned - part.base) for part in self.parts]
            base, tuned, difference = (
                mean_interval(numbers, intervals)
                for numbers, intervals in zip(
                    zip(*values, strict=True), zip(*found, strict=True), strict=True
                )
            )
            return base, tuned, difference
        if self.shares:
            return *self.shares.values(confidence), self.shares.difference(confidence)
        widest = self.bounds and (
            self.bounds[0] - self.bounds[1],
            self.bounds[1] - self.bounds[0],
        )
        return (
            draws_interval(self.base_draws, self.units, self.bounds, confidence),
            draws_interval(self.tuned_draws, self.units, self.bounds, confidence),
            draws_interval(self.tuned_draws - self.base_draws, self.units, widest, confidence),
        )

    def rescaled(self, factor: float, offset: float) -> PairedDraws:
        """The same metric in another unit: every value times `factor` plus `offset`.

        Effect sizes have no unit, and stay with the metric itself.
        """
        bounds = self.bounds and (
            min(bound * factor + offset for bound in self.bounds),
            max(bound * factor + offset for bound in self.bounds),
        )
        turned = (factor, offset) == (-1, 1)
        kept = self.shares if (factor, offset) == (1, 0) else None
        return PairedDraws(
            base=self.base * factor + offset,
            tuned=self.tuned * factor + offset,
            base_draws=self.base_draws * factor + offset,
            tuned_draws=self.tuned_draws * factor + offset,
            null_differences=self.null_differences * factor,
            units=self.units,
            bounds=bounds,
            shares=self.shares.turned() if turned and self.shares else kept,
        )

    @property
    def p_value(self) -> float:
        """Share of random swaps that make a difference at least as large, itself included."""
        tie = TIE * max(1.0, abs(self.base), abs(self.tuned))
        as_large = np.abs(self.null_differences) >= abs(self.tuned - self.base) - tie
        return float((as_large.sum() + 1) / (len(as_large) + 1))


def paired_draws(
    base: Sequence[Measurement],
    tuned: Sequence[Measurement],
    *,
    resamples: int,
    seed: Seed,
    clusters: Sequence[Hashable] | None = None,
) -> list[PairedDraws]:
    """Resample the metrics of two systems together.

    Args:
        base: metrics of the base system.
        tuned: the same metrics of the tuned system, of the same items in the same order.
        resamples: bootstrap resamples, and random swaps.
        seed: of both.
        clusters: the source of each item, where several share one; see `bootstrap`.

    Returns:
        One for each metric.
    """
    drawing, swapping = np.random.SeedSequence(seed).generate_state(2).tolist()
    pairs = list(zip(base, tuned, strict=True))
    sizes = [effect_measurements(one, other) for one, other in pairs]
    measured = [*base, *tuned, *(size for found in sizes for size in found.values())]
    draws = bootstrap(measured, resamples=resamples, seed=drawing, clusters=clusters)
    null_differences = _swap(base, tuned, resamples=resamples, seed=swapping, clusters=clusters)
    results, column = [], 2 * len(base)
    for index, (one, other) in enumerate(pairs):
        effects = tuple(
            EffectDraws(name, size.value, draws[:, column + place], size.bounds)
            for place, (name, size) in enumerate(sizes[index].items())
        )
        column += len(effects)
        results.append(
            PairedDraws(
                base=one.value,
                tuned=other.value,
                base_draws=draws[:, index],
                tuned_draws=draws[:, len(base) + index],
                null_differences=null_differences[:, index],
                units=len(one.statistics) if clusters is None else len(set(clusters)),
                bounds=(0, 1) if is_share(one) and is_share(other) else one.bounds,
                shares=PairedShares.of(one, other) if clusters is None else None,
                effects=effects,
            )
        )
    return results


def compare(
    base: Sequence[Measurement],
    tuned: Sequence[Measurement],
    *,
    confidence: float,
    resamples: int,
    seed: Seed,
    clusters: Sequence[Hashable] | None = None,
) -> list[Comparison]:
    """Compare two systems by several metrics of the same items; see `paired_draws`."""
    draws = paired_draws(base, tuned, resamples=resamples, seed=seed, clusters=clusters)
    return [each.summary(confidence) for each in draws]


def average(draws: Sequence[PairedDraws]) -> PairedDraws:
    """The mean of independent groups of items, such as tasks: each is resampled within itself."""
    return PairedDraws(
        base=float(np.mean([each.base for each in draws])),
        tuned=float(np.mean([each.tuned for each in draws])),
        base_draws=np.mean([each.base_draws for each in draws], axis=0),
        tuned_draws=np.mean([each.tuned_draws for each in draws], axis=0),
        null_differences=np.mean([each.null_differences for each in draws], axis=0),
        units=sum(each.units for each in draws),
        parts=tuple(draws),
    )


def _swap(
    base: Sequence[Measurement],
    tuned: Sequence[Measurement],
    *,
    resamples: int,
    seed: Seed,
    clusters: Sequence[Hashable] | None,
) -> Floats:
    """(resamples, metrics) tuned minus base where each item is swapped with probability 1/2."""
    base_statistics, spans = stack(base, clusters)
    tuned_statistics, _ = stack(tuned, clusters)
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
