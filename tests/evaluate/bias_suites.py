"""What tests of suites of bias share."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given
from tutelage.evaluate.suite_options import SuiteOptions

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def published(folder: str) -> Path:
    """The public sets, if this one is there."""
    if not (DATA / folder).exists():
        pytest.skip(f"needs the public set {folder} (TUTELAGE_DATA)")
    return DATA


def given(suite: str, files: Path | None) -> Given:
    return Given(SuiteOptions(suite=suite), files=files)


def asked(suite: str, files: Path) -> list[Question]:
    return SUITES.get(suite).questions(given(suite, files))


def measured(suite: str, questions: Sequence[Question], replies: Sequence[Reply]) -> list[Measure]:
    return SUITES.get(suite).measures(given(suite, None), questions, replies)


def choosing(at: int, of: int = 3) -> Reply:
    """The reply of a model to which one choice is the likeliest."""
    likelihoods = [-9.0] * of
    likelihoods[at] = -1.0
    return Reply(likelihoods=tuple(likelihoods), lengths=(1,) * of)


def values(measures: Sequence[Measure], task: str = "") -> Mapping[str, float]:
    """By metric the value of a part."""
    return {
        one.metric: float(one.aggregate(one.scores.statistics.sum(axis=0)))
        for one in measures
        if one.task == task and len(one.items)
    }
