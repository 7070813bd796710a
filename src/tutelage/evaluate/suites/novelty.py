"""The run's test items by how far their instructions are from all that was trained on.

A score that holds up only beside the training data was memorised. Each test instruction has a
distance to the nearest training instruction: one less the cosine of their embeddings
(`curate/features/embedding.py`: averages of word vectors, so 0 for the same words). The distance is
the x-axis and the score the y-axis; it is in each question's target, so that reports can draw it.

Thirds of the items by distance are compared (`score_near`, `score_middle`, `score_far`; items of
one distance are in one third, so that these may differ in size, or be none), and `slope` is the
least-squares line's: points of the metric for a distance of 1. A verdict goes by the far third.
Read the slope beside that of the base model: far items may simply be harder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import polars as pl

from tutelage.curate.features.embedding import embed
from tutelage.data.example import Example
from tutelage.evaluate.curves import Curve, CurvePoint
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.own_items import ItemScores, divided, own_questions, scored
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, NotAsked, Suite
from tutelage.metrics import Scores
from tutelage.metrics.metric import Floats

DISTANCE = "x"
"""Where the distance stands in a question's target: on the x-axis."""

THIRDS = ("near", "middle", "far")
BLOCK = 512
"""Test instructions compared with all trained ones at a time."""


class Novelty(Suite):
    """The items as they are, with their distance."""

    area = "generalisation"
    title = "the run's test items by their instruction's distance from those trained"
    needs = "a run; the extra audit"
    default = True

    def questions(self, given: Given) -> list[Question]:
        """Every test item, with its distance to the nearest training instruction."""
        items = own_questions(given)
        trained = sorted({text for example in given.trained() if (text := _instruction(example))})
        if not trained:
            raise NotAsked("needs the instructions that were trained on, which a run alone has")
        if not all(map(find_spec, ("wordllama", "scipy"))):
            raise NotAsked("embeddings need the extra audit (pip install 'tutelage[audit]')")
        asked = [divided(item.turns[-1].content)[0] for item in items]
        return [
            replace(item, target={**item.target, DISTANCE: distance})
            for item, distance in zip(items, distances(asked, trained), strict=True)
        ]

    def curves(self, questions: Sequence[Question], measures: Sequence[Measure]) -> list[Curve]:
        """The scores of the thirds, each at its items' mean distance."""
        x, third = _thirds(questions)
        points = [
            CurvePoint(float(x[third == number].mean()), "", f"score_{name}")
            for number, name in enumerate(THIRDS)
            if (third == number).any()
        ]
        return [Curve("distance to what was trained", "score", points)]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """The score of the far third, of the others, of all, and the slope."""
        scores = scored(questions, replies)
        x, third = _thirds(questions)
        measures = []
        for number in reversed(range(len(THIRDS))):
            places = np.flatnonzero(third == number).tolist()
            measures.append(
                scores.measure(
                    f"score_{THIRDS[number]}",
                    scores.values[places],
                    places,
                    f"third of the items by distance, {THIRDS[number]}",
                    primary=THIRDS[number] == "far",
                )
            )
        everything = scores.measure("score", scores.values, range(len(x)), "all items")
        return [*measures, everything, _slope(scores, x)]


def _thirds(questions: Sequence[Question]) -> tuple[Floats, np.ndarray]:
    """(questions,) the distance of each, and the third that it is in."""
    x = np.array([question.target[DISTANCE] for question in questions], dtype=np.float64)
    return x, np.searchsorted(np.quantile(x, [1 / 3, 2 / 3]), x, side="left")


def distances(asked: Sequence[str], trained: Sequence[str]) -> list[float]:
    """From 0 to 2, each of the asked texts' to the nearest trained one."""
    known = embed(pl.Series(trained, dtype=pl.String)).T
    vectors = embed(pl.Series(asked, dtype=pl.String))
    found: list[float] = []
    for start in range(0, len(vectors), BLOCK):
        nearest = (vectors[start : start + BLOCK] @ known).max(axis=1)
        found += np.clip(1 - nearest.astype(np.float64), 0, 2).round(6).tolist()
    return found


def _instruction(example: Example) -> str:
    """What the last user turn asks for, without its input; empty if there is none."""
    asked = [turn.content for turn in example.prompt if turn.role == "user"]
    return divided(asked[-1])[0].strip() if asked else ""


def _slope(scores: ItemScores, x: Floats) -> Measure:
    """The line's slope from sums; distances are from their mean, so that no digits are lost."""
    away, y = x - x.mean(), scores.values
    statistics = np.stack([np.ones_like(x), away, y, away * away, away * y], axis=1)
    return Measure(
        metric="slope",
        items=range(len(x)),
        scores=Scores(y, statistics, f"least squares, per distance of 1: {scores.signature}"),
        aggregate=line_slope,
        scale=scores.scale,
        higher_is_better=scores.higher_is_better,
        bounds=None,
    )


def line_slope(sums: Floats) -> Floats:
    """Slopes from (..., 5) sums of 1, x, y, x² and xy; 0 where x does not vary."""
    count, x, y, squares, products = np.moveaxis(sums, -1, 0)
    varies = count * squares - x * x
    flat = varies <= 1e-9 * np.maximum(count * count, 1)
    slopes: Floats = np.where(flat, 0.0, (count * products - x * y) / np.where(flat, 1.0, varies))
    return slopes


SUITES.register("novelty")(Novelty())
