"""Every row of a comparison has honest intervals, an effect size, and what it could have shown."""

import dataclasses

import orjson
import pytest

from tutelage.evaluate.comparison import compare_answers
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.scoring import Item
from tutelage.statistics import wilson

METRICS = ["exact_match", "token_f1", "bleu"]


def rows_of(tuned, base=None, **more):
    """The rows of two tasks of ten items each, by task and metric."""
    items = [Item(task, False, (f"one two three four {task}",)) for task in "ab" for _ in range(10)]
    options = EvaluateOptions(metrics=METRICS, resamples=500, **more)
    found = compare_answers(items, base or ["wrong"] * 20, tuned, options)
    return {(change.task, change.metric): change for change in found.changes}


def test_none_right_has_room_in_every_row():
    rows = rows_of(["wrong"] * 20)
    room = wilson(0, 10, 0.95)[1]
    for metric, scale in (("exact_match", 1), ("token_f1", 1), ("bleu", 100)):
        row = rows["a", metric]
        assert row.base_interval == row.tuned_interval == pytest.approx((0, scale * room))
        assert row.interval == pytest.approx((-scale * room, scale * room))
        assert not row.significant and row.detectable is None
    # The mean of two tasks is surer than either.
    assert rows["overall", "primary"].tuned_interval[1] == pytest.approx(room / 2**0.5)


def test_means_have_effect_sizes_and_every_row_what_it_could_have_shown():
    rows = rows_of(
        [f"one {'two' if at % 3 else 'too'} three four {'ab'[at // 10]}" for at in range(20)]
    )
    assert set(rows["a", "exact_match"].effects) == {"cohens_h"}
    assert set(rows["a", "token_f1"].effects) == {"cohens_d", "cliffs_delta"}
    assert rows["a", "bleu"].effects == {}
    assert rows["a", "token_f1"].effects["cliffs_delta"].value == 1
    for row in rows.values():
        assert row.standard_error > 0
        assert row.detectable > 2.8 * row.standard_error
    # Four rows of the others' family, two of the primary ones': more tests hide more.
    primary, other = rows["a", "exact_match"], rows["a", "token_f1"]
    assert primary.detectable / primary.standard_error < other.detectable / other.standard_error


def test_effects_are_written_as_metrics_json_has_them():
    row = rows_of(["one two three four a"] * 10 + ["wrong"] * 10)["a", "exact_match"]
    written = orjson.loads(orjson.dumps(dataclasses.asdict(row)))
    assert written["effects"]["cohens_h"]["value"] == pytest.approx(3.14159, abs=1e-4)
    low, high = written["effects"]["cohens_h"]["interval"]
    assert low < high == pytest.approx(3.14159, abs=1e-4)
