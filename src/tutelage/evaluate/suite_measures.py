"""All that the replies to a suite are worth: its own measures, and those that any suite has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tutelage.evaluate.calibration import calibration_measures, reliability
from tutelage.evaluate.gates import OVERALL
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import Given, Suite


def all_measures(
    suite: Suite, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
) -> list[Measure]:
    """The suite's measures, and how reliable choices by likelihood are.

    Args:
        suite: whose questions they are.
        given: what they were made of.
        questions: that were asked.
        replies: to these.
    """
    own = suite.measures(given, questions, replies)
    return [*own, *calibration_measures(suite, questions, replies)]


def shapes_of(
    suite: Suite,
    questions: Sequence[Question],
    measures: Sequence[Measure],
    sides: Mapping[str, Sequence[Reply]],
    confidence: float,
) -> dict[str, Any]:
    """What a report draws of a suite: `curves` and `reliability` of its status, where it has any.

    Args:
        suite: whose questions they are.
        questions: that were asked.
        measures: of the replies of any side.
        sides: the replies, by model.
        confidence: of intervals.
    """
    curves = [
        {
            **asdict(curve),
            "points": [{**asdict(point), "task": point.task or OVERALL} for point in curve.points],
        }
        for curve in suite.curves(questions, measures)
    ]
    sure = {
        side: reliability(suite, questions, replies, confidence) for side, replies in sides.items()
    }
    found: dict[str, Any] = {"curves": curves} if curves else {}
    return found | ({"reliability": sure} if all(sure.values()) else {})
