"""Drawing questions, and comparing measures: what holds of every suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.data.example import Example, Message, Source
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.question import Question
from tutelage.evaluate.suite import SUITES, Given
from tutelage.evaluate.suite_comparison import Measured, compare_suites, drawn, values_of
from tutelage.evaluate.suite_options import SuiteOptions

SOURCES = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=30)


def questions(sources: Sequence[str]) -> list[Question]:
    return [Question(str(at), cluster=source) for at, source in enumerate(sources)]


@given(SOURCES, st.integers(1, 30), st.integers(0, 5))
def test_sources_are_drawn_whole_and_in_order(sources: list[str], most: int, seed: int) -> None:
    asked = questions(sources)
    chosen = drawn(asked, most, seed)
    assert len(chosen) <= most or chosen == asked
    assert [int(one.key) for one in chosen] == sorted(int(one.key) for one in chosen)
    for source in {one.cluster for one in chosen}:
        assert sum(one.cluster == source for one in chosen) == sources.count(source)


def test_single_questions_fill_the_number_and_grow_with_it() -> None:
    asked = [Question(str(at)) for at in range(40)]
    few, many = ({one.key for one in drawn(asked, most, 3)} for most in (10, 20))
    assert (len(few), len(many)) == (10, 20)
    assert few < many


def measured(values: Sequence[float], sources: Sequence[str], name: str = "sums") -> Measured:
    asked = questions(sources)
    return Measured(name, "tasks", asked, [Measure.mean("accuracy", values, primary=True)])


def test_what_shares_a_source_counts_as_one() -> None:
    rng = np.random.default_rng(0)
    each = rng.normal(0.3, 1, 12)
    base = np.zeros(120)
    tuned = np.repeat(each, 10)
    options = EvaluateOptions(resamples=2000)
    widths = []
    for sources in ([str(at // 10) for at in range(120)], [str(at) for at in range(120)]):
        (row,) = compare_suites([measured(base, sources)], [measured(tuned, sources)], options)
        low, high = row.change.interval
        widths.append(high - low)
        assert row.change.difference == pytest.approx(each.mean())
    # Ten copies of an item tell no more than the item.
    assert widths[0] == pytest.approx(widths[1] * 10**0.5, rel=0.15)


def test_primary_measures_are_corrected_together_over_all_suites() -> None:
    options = EvaluateOptions(resamples=2000)
    better = [1.0] * 9 + [0.0]
    suites = [("one", better), ("two", [0.0, 1.0] * 5), ("three", [1.0, 0.0] * 5)]
    sources = [str(at) for at in range(10)]
    base = [measured([0.0] * 10 if n == "one" else v, sources, n) for n, v in suites]
    tuned = [measured(v, sources, n) for n, v in suites]
    rows = compare_suites(base, tuned, options)
    first = rows[0].change
    assert first.p_corrected == pytest.approx(min(1, 3 * first.p_value))
    alone = compare_suites(base[:1], tuned[:1], options)[0].change
    assert alone.p_corrected == pytest.approx(first.p_value)


def test_one_model_alone_has_values_with_intervals() -> None:
    options = EvaluateOptions(resamples=500)
    (row,) = values_of([measured([1, 0, 1, 1], "abcd")], options)
    assert row.value == 0.75
    assert row.interval[0] < 0.75 < row.interval[1]


@pytest.mark.parametrize(
    "suite", ["counterfactual", "injections", "novelty", "paraphrases", "perturbations"]
)
def test_conversations_that_may_call_tools_are_asked_by_no_suite(suite: str) -> None:
    turns = (Message("user", "Please help the old man over there."), Message("assistant", "Yes."))
    plain = Example(turns, Source("own.jsonl", 0))
    calls = replace(plain, tools=({"name": "find"},))
    trained = [replace(plain, messages=(Message("user", "Sing."), Message("assistant", "La.")))]
    use = SuiteOptions(suite=suite)
    both, alone = (
        SUITES.get(suite).questions(
            Given(use, ["exact_match"], examples=examples, trained=lambda: trained)
        )
        for examples in ([plain, calls], [plain])
    )
    assert both == alone
