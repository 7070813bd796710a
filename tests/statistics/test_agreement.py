"""Kappa and alpha equal published examples, definitions written out, and scikit-learn."""

import itertools
import math
import random

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from tutelage.statistics import (
    agreement,
    cohen_kappa,
    fleiss_kappa,
    kappa_of_table,
    krippendorff_alpha,
)

# Krippendorff, "Computing Krippendorff's alpha-reliability" (2011): 12 units, four observers.
UNITS = [
    [1, 1, None, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [None, 5, 5, 5],
    [None, None, 1, 1],
    [None, None, 3, None],
]


def raters_of(table):
    """The labels of two raters from their table of counts."""
    pairs = [
        pair
        for pair in itertools.product(range(len(table)), repeat=2)
        for _ in range(table[pair[0]][pair[1]])
    ]
    return [one for one, _ in pairs], [other for _, other in pairs]


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        # en.wikipedia.org/wiki/Cohen's_kappa: grants read by two readers; the two of 100 each.
        ([[20, 5], [10, 15]], 0.40),
        ([[45, 15], [25, 15]], 0.1304),
        ([[25, 35], [5, 35]], 0.2593),
        # Fleiss, Levin and Paik (2003), chapter 18: two raters of 100 patients.
        ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], 0.676),
        # Agresti, Categorical Data Analysis: two pathologists, 118 slides (Landis and Koch 1977).
        ([[22, 2, 2, 0], [5, 7, 14, 0], [0, 2, 36, 0], [0, 1, 17, 10]], 0.493),
    ],
)
def test_cohens_kappa_equals_published_examples(table, kappa):
    digits = 4 if kappa < 0.3 else 3
    assert round(cohen_kappa(*raters_of(table)).value, digits) == kappa
    assert round(float(kappa_of_table(np.array(table, float))), digits) == kappa


@pytest.mark.parametrize("weights", ["unweighted", "linear", "quadratic"])
def test_cohens_kappa_equals_scikit_learn(weights):
    draw = random.Random(3)
    first = draw.choices(range(5), k=80)
    second = [min(4, max(0, label + draw.choice([-1, 0, 0, 1]))) for label in first]
    expected = cohen_kappa_score(
        first, second, weights=None if weights == "unweighted" else weights
    )
    assert cohen_kappa(first, second, weights=weights).value == pytest.approx(expected, abs=1e-12)


def test_categories_that_do_not_occur_still_lie_between():
    first, second = ["low", "high", "low", "low"], ["low", "high", "high", "low"]
    scale = ["low", "middle", "high"]
    alone = cohen_kappa(first, second, weights="linear", categories=scale).value
    assert alone == cohen_kappa(first, second, weights="linear").value  # both distances double
    with pytest.raises(ValueError, match="'high' is none of the categories"):
        cohen_kappa(first, second, categories=["low", "middle"])


def test_fleiss_kappa_equals_its_published_example():
    # en.wikipedia.org/wiki/Fleiss'_kappa: 10 subjects, 14 raters, 5 categories.
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    ratings = [[label for label, count in enumerate(row) for _ in range(count)] for row in counts]
    assert round(fleiss_kappa(ratings).value, 3) == 0.210
    with pytest.raises(ValueError, match="as many for each"):
        fleiss_kappa([*ratings, [1, 2]])


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_equals_krippendorffs_example(level, alpha):
    assert round(krippendorff_alpha(UNITS, level=level).value, 3) == alpha


def naive_alpha(ratings, distance):
    """Observed over expected disagreement of all pairs, as in the definition."""
    units = [[value for value in unit if value is not None] for unit in ratings]
    units = [unit for unit in units if len(unit) > 1]
    values = [value for unit in units for value in unit]
    observed = sum(
        distance(one, other) / (len(unit) - 1)
        for unit in units
        for one, other in itertools.permutations(unit, 2)
    )
    expected = sum(distance(one, other) for one, other in itertools.permutations(values, 2))
    return 1 - observed * (len(values) - 1) / expected


@pytest.mark.parametrize(
    ("level", "distance"),
    [("nominal", lambda one, other: one != other), ("interval", lambda a, b: (a - b) ** 2)],
)
def test_alpha_equals_its_definition(level, distance):
    draw = random.Random(5)
    ratings = [
        [draw.choice([None, 1, 2, 4, 7.5]) if draw.random() < 0.6 else 4 for _ in range(3)]
        for _ in range(25)
    ]
    found = krippendorff_alpha(ratings, level=level).value
    assert found == pytest.approx(naive_alpha(ratings, distance), abs=1e-12)


def test_interval_alpha_does_not_depend_on_the_origin():
    shifted = [[None if value is None else value + 1e6 for value in unit] for unit in UNITS]
    found = krippendorff_alpha(shifted, level="interval").value
    assert found == pytest.approx(krippendorff_alpha(UNITS, level="interval").value, abs=1e-9)


def test_the_interval_is_the_bootstrap_of_whole_items():
    draw = random.Random(7)
    first = draw.choices("abc", k=60)
    second = [label if draw.random() < 0.7 else draw.choice("abc") for label in first]
    found = agreement(cohen_kappa(first, second), resamples=4000, seed=1)
    generator = np.random.default_rng(2)
    again = []
    for _ in range(2000):
        items = generator.integers(0, 60, 60)
        again.append(cohen_kappa([first[i] for i in items], [second[i] for i in items]).value)
    assert found.value == pytest.approx(cohen_kappa_score(first, second))
    assert found.interval == pytest.approx(np.quantile(again, [0.025, 0.975]), abs=0.03)
    assert found.items == 60


def test_one_label_alone_has_no_kappa_and_full_agreement_still_has_room():
    silent = agreement(cohen_kappa(["yes"] * 9, ["yes"] * 9), resamples=200)
    assert math.isnan(silent.value) and math.isnan(silent.interval[0])
    labels = ["yes", "no"] * 10
    for measurement in (
        cohen_kappa(labels, labels),
        fleiss_kappa([*zip(labels, labels, strict=True)]),
        krippendorff_alpha([*zip(labels, labels, strict=True)]),
    ):
        full = agreement(measurement, resamples=200)
        assert full.value == full.interval[1] == 1
        assert 0.5 < full.interval[0] < 0.8


def test_items_with_one_rating_tell_nothing():
    some = [[1, 1], [2, 1], [2, 2]]
    assert krippendorff_alpha([*some, [3, None]]).value == krippendorff_alpha(some).value
    with pytest.raises(ValueError, match="two ratings"):
        krippendorff_alpha([[1, None], [None, 2]])
    with pytest.raises(ValueError, match="no items"):
        cohen_kappa([], [])
