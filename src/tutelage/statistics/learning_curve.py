"""What more examples would buy, as far as runs on subsets can tell.

A fitted curve always gives a number, so it is asked first whether it deserves to be believed:

- flat: the interval of the fall from the smallest to the largest subset reaches zero;
- refuted: fitted without the largest subset, it does not predict what was measured there;
- vague: the interval of what four times the examples would buy is wider than all of the fall that
  was measured.

Otherwise it says how far the loss would fall, with an interval, up to four times the largest subset
and no further: beyond, the law itself is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tutelage.statistics.power_law import Curve, fit_curve
from tutelage.statistics.resampling import Floats, Interval, Seed, percentile_interval

Verdict = Literal["falling", "flat", "refuted", "vague"]

REACH = 4
"""How many times the largest subset may be asked for."""

LEAST_SIZES = 4
"""Three of them fix the curve, and one checks it."""

LEAST_SEEDS = 2
"""Of each size: with one, a curve through three sizes leaves nothing to know the noise by."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Prediction:
    """The largest subset's loss, foretold without it.

    Attributes:
        examples: of that subset.
        predicted: mean of its runs, by the curve of the smaller subsets.
        measured: mean of its runs.
        inside: whether what was measured is in the interval of what was predicted.
    """

    examples: int
    predicted: Estimate
    measured: float
    inside: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a number of examples would bring.

    Attributes:
        examples: in all.
        loss: of one run on average.
        fall: how far that is below the largest subset's.
    """

    examples: int
    loss: Estimate
    fall: Estimate


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """What runs on subsets tell.

    Attributes:
        verdict: `falling`, or why nothing is foretold.
        floor: E, what no number of examples goes below.
        exponent: β.
        fall: from the smallest to the largest subset.
        noise: standard deviation of one run around the curve.
        check: of the curve on its largest subset.
        drawn: the curve over the range that was measured and may be asked for.
        forecasts: what was asked for; empty unless the verdict is `falling`.
    """

    verdict: Verdict
    floor: Estimate
    exponent: Estimate
    fall: Estimate
    noise: float
    check: Prediction
    drawn: list[Forecast]
    forecasts: list[Forecast]


def learning_curve(
    examples: Sequence[int],
    losses: Sequence[float],
    ask: Sequence[int],
    *,
    confidence: float = 0.95,
    draws: int = 4000,
    seed: Seed = 0,
) -> LearningCurve:
    """Fit a curve to runs, check it, and say what it foretells.

    Args:
        examples: (runs,) that each trained on: `LEAST_SIZES` numbers, each `LEAST_SEEDS` times.
        losses: (runs,) the lowest validation loss of each.
        ask: numbers of examples, at most `REACH` times the largest subset.
        confidence: of all intervals.
        draws: to take intervals from.
        seed: of the draws.
    """
    smallest, largest = min(examples), max(examples)
    curve = fit_curve(examples, losses, draws=draws, seed=seed)

    def estimate(value: Floats, drawn: Floats) -> Estimate:
        return Estimate(float(value), percentile_interval(drawn, confidence))

    def forecast(number: int) -> Forecast:
        return Forecast(
            number,
            estimate(curve.law.at(number), curve.draws.at(number)),
            estimate(curve.law.fall(largest, number), curve.draws.fall(largest, number)),
        )

    fall = estimate(curve.law.fall(smallest, largest), curve.draws.fall(smallest, largest))
    check = _check(examples, losses, confidence, draws, seed)
    farthest = forecast(REACH * largest).fall.interval
    verdict: Verdict = "falling"
    if fall.interval[0] <= 0:
        verdict = "flat"
    elif not check.inside:
        verdict = "refuted"
    elif farthest[1] - farthest[0] > fall.value:
        verdict = "vague"
    shown = np.unique(np.geomspace(smallest, REACH * largest, 41).round().astype(int)).tolist()
    return LearningCurve(
        verdict,
        estimate(curve.law.floor, curve.draws.floor),
        estimate(curve.law.exponent, curve.draws.exponent),
        fall,
        curve.noise,
        check,
        [forecast(number) for number in shown],
        [forecast(number) for number in ask] if verdict == "falling" else [],
    )


def _check(
    examples: Sequence[int], losses: Sequence[float], confidence: float, draws: int, seed: Seed
) -> Prediction:
    """Foretell the largest subset's mean loss from the smaller ones."""
    largest = max(examples)
    runs = list(zip(examples, losses, strict=True))
    smaller = [run for run in runs if run[0] < largest]
    held_back = [loss for number, loss in runs if number == largest]
    curve = fit_curve(*map(list, zip(*smaller, strict=True)), draws=draws, seed=seed)
    low, high = percentile_interval(_means(curve, largest, len(held_back), seed), confidence)
    measured = float(np.mean(held_back))
    predicted = Estimate(float(curve.law.at(largest)), (low, high))
    return Prediction(largest, predicted, measured, low <= measured <= high)


def _means(curve: Curve, examples: int, runs: int, seed: Seed) -> Floats:
    """(draws,) means of so many runs: what is measured has noise of its own."""
    generator = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    noise = generator.standard_normal(len(curve.noise_draws)) / np.sqrt(runs)
    means: Floats = curve.draws.at(examples) + curve.noise_draws * noise
    return means
