"""How far raters agree, beyond what chance would give.

Raw agreement flatters raters who nearly always say the same thing, so agreement is compared with
what their labels would give if they were dealt at random: Cohen's kappa (1960) for two raters, with
weights (1968) where labels are ordered; Fleiss' kappa (1971) for several raters an item, whoever
they are; Krippendorff's alpha (2011) for any number of raters and missing ratings, on nominal,
ordinal and interval scales.

All are functions of sums over items, so each is a `Measurement` and its interval a bootstrap over
items. Where only one label was ever given, chance agrees fully too, and the value is not a number.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tutelage.statistics.intervals import value_interval
from tutelage.statistics.resampling import Floats, Interval, Measurement, Seed, bootstrap

Weights = Literal["unweighted", "linear", "quadratic"]
Level = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient of agreement.

    Attributes:
        value: 1 where raters always agree, 0 where as often as by chance; not a number where only
            one label was given.
        interval: its bootstrap interval over items.
        items: how many items were rated.
    """

    value: float
    interval: Interval
    items: int


def agreement(
    measurement: Measurement,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: Seed = 0,
) -> Agreement:
    """The value and the interval of one of the coefficients below.

    Resamples in which only one label occurs have no value, and the interval is of the others.
    """
    draws = bootstrap([measurement], resamples=resamples, seed=seed)[:, 0]
    defined = draws[~np.isnan(draws)]
    items = len(measurement.statistics)
    if not len(defined) or np.isnan(measurement.value):
        return Agreement(float("nan"), (float("nan"), float("nan")), items)
    return Agreement(measurement.value, value_interval(measurement, defined, confidence), items)


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    *,
    weights: Weights = "unweighted",
    categories: Sequence[Hashable] | None = None,
) -> Measurement:
    """Two raters, both of whom rated every item.

    Args:
        first: label of each item by one rater.
        second: by the other.
        weights: what a disagreement counts: the same whatever the labels, the distance of their
            places among the categories, or its square.
        categories: all labels in their order; by default those that occur, sorted.

    Raises:
        ValueError: there are no items, not as many by both, or a label is no category.
    """
    codes, count = _codes([*zip(first, second, strict=True)], categories)
    table = np.eye(count * count)[(codes[:, 0] * count + codes[:, 1])]

    def kappa(sums: Floats) -> Floats:
        return kappa_of_table(sums.reshape(*sums.shape[:-1], count, count), weights)

    return Measurement(table, kappa, bounds=(-1, 1))


def kappa_of_table(counts: Floats, weights: Weights = "unweighted") -> Floats:
    """Cohen's kappa of a table of labels by labels, where its interval is not asked for.

    Of many items and labels the table is small where a row of statistics an item is not.

    Args:
        counts: (..., labels, labels) items by the first rater's label and the second's.
        weights: as for `cohen_kappa`.

    Returns:
        (...) kappa; not a number where chance agrees fully too.
    """
    places = np.arange(counts.shape[-1])
    distance = np.abs(np.subtract.outer(places, places)).astype(float)
    power = {"unweighted": 0, "linear": 1, "quadratic": 2}[weights]
    cost = np.where(distance > 0, distance**power, 0.0)
    rows, columns = counts.sum(axis=-1), counts.sum(axis=-2)
    expected = np.einsum("...i,ij,...j->...", rows, cost, columns) / rows.sum(axis=-1)
    return _one_minus((counts * cost).sum(axis=(-1, -2)), expected)


def fleiss_kappa(ratings: Sequence[Sequence[Hashable]]) -> Measurement:
    """Several raters an item, the same number for each; they need not be the same people.

    Args:
        ratings: for each item its labels.

    Raises:
        ValueError: there are no items, or not as many labels for each, or fewer than two.
    """
    if len({len(labels) for labels in ratings}) != 1 or len(ratings[0]) < 2:
        raise ValueError(
            "Fleiss' kappa needs two or more ratings an item, as many for each; Krippendorff's "
            "alpha takes missing ones"
        )
    codes, count = _codes(ratings, None)
    raters = codes.shape[1]
    counts = np.eye(count)[codes].sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1) / (raters * (raters - 1))
    statistics = np.column_stack([1 - agreeing, counts])

    def kappa(sums: Floats) -> Floats:
        items = sums[..., 1:].sum(axis=-1) / raters
        shares = sums[..., 1:] / sums[..., 1:].sum(axis=-1, keepdims=True)
        return _one_minus(sums[..., 0], items * (1 - (shares**2).sum(axis=-1)))

    return Measurement(statistics, kappa, bounds=(-1, 1))


def krippendorff_alpha(
    ratings: Sequence[Sequence[Hashable | None]],
    *,
    level: Level = "nominal",
    categories: Sequence[Hashable] | None = None,
) -> Measurement:
    """Any number of raters, any of whose ratings may be missing.

    Args:
        ratings: for each item the rating of each rater, None where there is none. Items with fewer
            than two ratings have nothing to compare, and are left out.
        level: nominal labels; ordinal ones; or numbers whose differences mean something.
        categories: all labels in their order; by default those that occur, sorted. Not for numbers.

    Raises:
        ValueError: no item has two ratings, or a label is no category.
    """
    given = [[label for label in labels if label is not None] for labels in ratings]
    given = [labels for labels in given if len(labels) > 1]
    if not given:
        raise ValueError("no item has two ratings to compare")
    if level == "interval":
        return _interval_alpha(given)
    order = _order(given, categories)
    places = {label: place for place, label in enumerate(order)}
    counts = np.zeros((len(given), len(order)))
    for row, labels in enumerate(given):
        np.add.at(counts[row], [_place(places, label) for label in labels], 1)
    raters = counts.sum(axis=1)
    # Coincidences of an item: ordered pairs of its ratings, each rating counted once in all.
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(order))
    coincidences = (pairs / (raters - 1)[:, None, None]).reshape(len(given), -1)

    def alpha(sums: Floats) -> Floats:
        table = sums.reshape(*sums.shape[:-1], len(order), len(order))
        totals = table.sum(axis=-1)
        cost = _ordinal_cost(totals) if level == "ordinal" else 1 - np.eye(len(order))
        expected = (totals[..., :, None] * totals[..., None, :] * cost).sum(axis=(-1, -2))
        return _one_minus((table * cost).sum(axis=(-1, -2)), expected / (totals.sum(axis=-1) - 1))

    return Measurement(coincidences, alpha, bounds=(-1, 1))


def _interval_alpha(given: Sequence[Sequence[Hashable]]) -> Measurement:
    """Alpha of numbers, from sums of squares: it needs no table of all distinct numbers."""
    numbers = [np.asarray(labels, float) for labels in given]
    # Alpha is the same from any origin, and sums of squares lose least about the mean.
    origin = np.concatenate(numbers).mean()
    statistics = np.array([_deviations(row - origin) for row in numbers])

    def alpha(sums: Floats) -> Floats:
        observed, count, total, squares = np.moveaxis(sums, -1, 0)
        return _one_minus(observed, 2 * (count * squares - total**2) / (count - 1))

    return Measurement(statistics, alpha, bounds=(-1, 1))


def _deviations(ratings: Floats) -> tuple[float, int, float, float]:
    """Of one item's ratings: squared differences, each pair both ways; count, sum, squares."""
    count, total, squares = len(ratings), float(ratings.sum()), float((ratings**2).sum())
    return 2 * (count * squares - total**2) / (count - 1), count, total, squares


def _ordinal_cost(totals: Floats) -> Floats:
    """(..., labels, labels) squared number of ratings between two labels, half of each included."""
    middle = np.cumsum(totals, axis=-1) - totals / 2
    distance: Floats = (middle[..., :, None] - middle[..., None, :]) ** 2
    return distance


def _one_minus(observed: Floats, expected: Floats) -> Floats:
    """1 - observed / expected disagreement; not a number where none is expected."""
    undefined = np.full(np.shape(expected), np.nan)
    share: Floats = np.divide(observed, expected, out=undefined, where=expected > 1e-12)
    return 1 - share


def _codes(
    ratings: Sequence[Sequence[Hashable]], categories: Sequence[Hashable] | None
) -> tuple[npt.NDArray[np.int64], int]:
    """(items, raters) places of the labels among the categories, and how many there are."""
    if not ratings:
        raise ValueError("there are no items to agree on")
    order = _order(ratings, categories)
    places = {label: place for place, label in enumerate(order)}
    return np.array([[_place(places, label) for label in row] for row in ratings]), len(order)


def _order(
    ratings: Sequence[Sequence[Hashable]], categories: Sequence[Hashable] | None
) -> list[Hashable]:
    if categories is not None:
        return list(categories)
    return sorted({label for labels in ratings for label in labels})  # type: ignore[type-var]


def _place(places: dict[Hashable, int], label: Hashable) -> int:
    if label not in places:
        raise ValueError(f"{label!r} is none of the categories {list(places)}")
    return places[label]
