"""Loss against the number of examples: E + A·n^−β, fitted robustly, with draws for intervals.

The form is that of learning curves measured over orders of magnitude (Hestness et al. 2017; with an
irreducible loss E: Hoffmann et al. 2022). At a given β it is linear in E and A, so β is looked up
on a grid and the rest is closed form, with E ≥ 0 and A ≥ 0; many sets of losses are fitted at once.
Huber weights keep one run that went wrong from bending the curve.

A few runs say little of their own spread, so the draws are neither of the points alone nor of the
noise alone: each draw adds to the fitted curve noise of the size that the residuals have, by the
degrees of freedom that three parameters leave, its own size drawn too (from the scaled inverse χ²
distribution), and gives every size of subset a random weight (the Bayesian bootstrap, Rubin 1981),
for the law may hold better at some sizes than at others. Measured in benchmarks/RESULTS.md,
"learning curve".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tutelage.statistics.resampling import Floats, Seed

EXPONENTS = np.geomspace(0.02, 2.0, 150)
"""The β that are tried. Measured ones lie between 0.07 and 0.5 (Hestness et al. 2017); a larger one
is a curve that has levelled."""

PARAMETERS = 3

HUBER = 1.345
"""Residuals beyond so many standard deviations count linearly: 95 % as efficient as least squares
where the noise is normal (Huber 1964)."""

ROUNDING = 1e-14
"""Differences smaller than this are those of floating-point sums."""

ROUNDS = 5
"""Of reweighting; the weights hardly move after three."""


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """One curve, or many: E + A·(n / unit)^−β.

    Attributes:
        floor: (...) E, what no number of examples goes below.
        scale: (...) A, what is above it at `unit` examples.
        exponent: (...) β.
        unit: examples.
    """

    floor: Floats
    scale: Floats
    exponent: Floats
    unit: float

    def at(self, examples: float) -> Floats:
        """(...) the loss at a number of examples."""
        return self.floor + self.scale * (examples / self.unit) ** -self.exponent

    def fall(self, start: float, end: float) -> Floats:
        """(...) by how much the loss falls from one number of examples to another."""
        return self.at(start) - self.at(end)


@dataclass(frozen=True, slots=True)
class Curve:
    """A fit and its draws.

    Attributes:
        law: the fitted curve.
        draws: (draws,) curves that the points might as well be of.
        noise: standard deviation of one run around the curve.
        noise_draws: (draws,) likewise.
    """

    law: PowerLaw
    draws: PowerLaw
    noise: float
    noise_draws: Floats


def fit(examples: Sequence[float], losses: Floats, weights: Floats | None = None) -> PowerLaw:
    """Fit curves by robust least squares.

    Args:
        examples: (points,) numbers of examples.
        losses: (..., points) losses; each row is a set of its own.
        weights: (..., points) how much each point counts; None is alike.

    Returns:
        (...) curves, whose unit is the largest number of examples.
    """
    unit = float(max(examples))
    shares = np.asarray(examples, float) / unit
    powers = shares ** -EXPONENTS[:, None]  # (exponents, points)
    given = np.ones_like(losses) if weights is None else weights
    robust = given
    for round_ in range(ROUNDS):
        floor, scale, exponent = _least_squares(powers, losses, robust)
        residuals = losses - floor[..., None] - scale[..., None] * shares ** -exponent[..., None]
        if round_ < ROUNDS - 1:
            robust = given * _huber(residuals)
    return PowerLaw(floor, scale, exponent, unit)


def fit_curve(
    examples: Sequence[float], losses: Sequence[float], *, draws: int, seed: Seed
) -> Curve:
    """Fit one curve to runs, and draw others that the runs might as well be of.

    Args:
        examples: (runs,) of each run; four different numbers at least make sense.
        losses: (runs,) its loss.
        draws: how many.
        seed: of the draws.
    """
    measured = np.asarray(losses, float)
    law = fit(examples, measured)
    fitted = np.array([float(law.at(number)) for number in examples])
    freedom = len(measured) - PARAMETERS
    generator = np.random.default_rng(seed)
    noise = float(np.sqrt(np.sum((measured - fitted) ** 2) / freedom))
    noises = noise * np.sqrt(freedom / generator.chisquare(freedom, draws))
    numbers, size_of = np.unique(examples, return_inverse=True)
    weights = generator.exponential(size=(draws, len(numbers)))[:, size_of]
    made = fitted + noises[:, None] * generator.standard_normal((draws, len(measured)))
    return Curve(law, fit(examples, made, weights), noise, noises)


def _least_squares(powers: Floats, losses: Floats, weights: Floats) -> tuple[Floats, ...]:
    """(...) floor, scale and exponent of the least weighted squares, floor and scale at least 0."""
    total = weights.sum(axis=-1, keepdims=True)
    x = weights @ powers.T / total  # (..., exponents), as all below
    xx = weights @ (powers**2).T / total
    y = (weights * losses).sum(axis=-1, keepdims=True) / total
    xy = (weights * losses) @ powers.T / total
    spread = np.maximum(xx - x**2, ROUNDING * xx)
    scale = np.maximum((xy - x * y) / spread, 0.0)
    floor = y - scale * x
    through_zero = floor < 0
    scale = np.where(through_zero, np.maximum(xy / xx, 0.0), scale)
    floor = np.where(through_zero, 0.0, floor)
    errors = floor**2 - 2 * floor * y + 2 * scale * (floor * x - xy) + scale**2 * xx
    best = errors.argmin(axis=-1)[..., None]
    chosen = (np.take_along_axis(part, best, -1)[..., 0] for part in (floor, scale))
    return *chosen, EXPONENTS[best[..., 0]]


def _huber(residuals: Floats) -> Floats:
    """Weights of residuals, by their median size in each row."""
    sizes = np.abs(residuals)
    limit = HUBER * 1.4826 * np.median(sizes, axis=-1, keepdims=True) + ROUNDING
    return np.minimum(limit / np.maximum(sizes, ROUNDING), 1.0)
