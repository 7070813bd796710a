"""The comparison tells what changed from what did not, by task, and says how it knows."""

import dataclasses
import random

import numpy as np
import orjson
import pytest

from tutelage.errors import UserError
from tutelage.evaluate.comparison import PRIMARY_MEAN, compare_answers
from tutelage.evaluate.forgetting import forgetting
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.scoring import (
    OVERALL,
    Group,
    Item,
    check_references,
    preflight,
    score_answers,
)
from tutelage.metrics import METRICS
from tutelage.report import evidence

QUICK = {"resamples": 600, "seed": 3}


def options(**settings):
    return EvaluateOptions.model_validate({"metrics": ["exact_match", "chrf"], **QUICK, **settings})


def answered(items, right, seed=0):
    """Answers of which a share is right, the same share in every task it names."""
    generator = random.Random(seed)
    return [
        item.references[0] if generator.random() < right[item.task] else "wrong" for item in items
    ]


def made_items(**tasks):
    """Items by task name; names that start with `new` are held out."""
    return [
        Item(task, task.startswith("new"), (f"{task} reference {number}",))
        for task, count in tasks.items()
        for number in range(count)
    ]


def rows(comparison, **wanted):
    return [
        change
        for change in comparison.changes
        if all(getattr(change, name) == value for name, value in wanted.items())
    ]


ITEMS = made_items(better=30, worse=30, same=30, new_better=30)
RATES = {"better": 0.1, "worse": 0.9, "same": 0.5, "new_better": 0.2}
TUNED = {"better": 0.9, "worse": 0.1, "same": 0.5, "new_better": 0.95}


@pytest.fixture(scope="module")
def comparison():
    return compare_answers(ITEMS, answered(ITEMS, RATES, 1), answered(ITEMS, TUNED, 2), options())


def test_verdict_finds_the_planted_truth(comparison):
    verdict = comparison.verdict
    assert verdict.trained.improved == ("better",)
    assert verdict.trained.worsened == ("worse",)
    assert verdict.trained.unchanged == ("same",)
    assert verdict.held_out.improved == ("new_better",)
    assert verdict.sentence == (
        "One of three trained tasks got significantly better and one significantly worse; "
        "the held-out task improved significantly."
    )


def test_rows_come_task_by_task_with_the_primary_metric_first(comparison):
    assert [(c.task, c.held_out, c.metric, c.primary) for c in comparison.changes] == [
        ("better", False, "exact_match", True),
        ("better", False, "chrf", False),
        ("worse", False, "exact_match", True),
        ("worse", False, "chrf", False),
        ("same", False, "exact_match", True),
        ("same", False, "chrf", False),
        ("new_better", True, "exact_match", True),
        ("new_better", True, "chrf", False),
        (OVERALL, False, PRIMARY_MEAN, True),
        (OVERALL, False, "exact_match", False),
        (OVERALL, False, "chrf", False),
        (OVERALL, True, PRIMARY_MEAN, True),
    ]


def test_numbers_belong_together(comparison):
    for change in comparison.changes:
        assert change.difference == pytest.approx(change.tuned - change.base)
        for value, (low, high) in (
            (change.base, change.base_interval),
            (change.tuned, change.tuned_interval),
            (change.difference, change.interval),
        ):
            assert low <= value <= high
        assert change.p_value <= change.p_corrected <= 1
        assert change.significant == (change.p_corrected < 0.05)
    primary = [change for change in comparison.changes if change.primary and change.task != OVERALL]
    smallest = min(primary, key=lambda change: change.p_value)
    assert smallest.p_corrected == pytest.approx(len(primary) * smallest.p_value)


def test_overall_is_measured_on_all_items_of_one_side(comparison):
    pooled = rows(comparison, task=OVERALL, metric="chrf")[0]
    trained = [
        (a, i) for a, i in zip(answered(ITEMS, TUNED, 2), ITEMS, strict=True) if not i.held_out
    ]
    metric = METRICS.get("chrf")
    scores = metric.score(
        [answer for answer, _ in trained], [item.references for _, item in trained]
    )
    assert pooled.tuned == float(metric.aggregate(scores.statistics.sum(axis=0)))
    assert pooled.items == 90

    mean = rows(comparison, metric=PRIMARY_MEAN, held_out=False)[0]
    primary = rows(comparison, primary=True, metric="exact_match", held_out=False)
    assert mean.tuned == pytest.approx(np.mean([change.tuned for change in primary]))


def test_items_keep_their_scores_and_gaps():
    items = made_items(a=2, b=1)
    own = options(tasks={"b": {"metrics": ["token_f1"]}})
    scores = score_answers(items, ["a reference 0", "", "b"], own)
    assert scores.per_item["exact_match"] == [1, 0, None]
    assert scores.per_item["token_f1"] == [None, None, 0.5]
    assert list(scores.groups) == [Group("a", False), Group("b", False)]  # no metric is shared


def test_error_rates_and_scales_are_turned_for_the_mean():
    items = made_items(ter=25, em=25)
    own = options(tasks={"ter": {"metrics": ["ter"]}})
    right, wrong = {"ter": 1, "em": 1}, {"ter": 0, "em": 0}
    found = compare_answers(items, answered(items, wrong), answered(items, right), own)
    ter = rows(found, task="ter")[0]
    assert ter.difference == -100
    assert ter.improved
    mean = rows(found, metric=PRIMARY_MEAN)[0]
    assert (mean.base, mean.tuned) == (0, 1)
    assert found.verdict.trained.improved == ("ter", "em")


def test_a_task_is_judged_alike_whoever_is_beside_it():
    alone = made_items(same=30)
    own = {"same": 0.4}
    first = compare_answers(alone, answered(alone, own, 1), answered(alone, own, 2), options())
    joined = [*alone, *made_items(other=20)]
    more = ["x"] * 20
    second = compare_answers(
        joined, answered(alone, own, 1) + more, answered(alone, own, 2) + more, options()
    )
    one, two = rows(first, task="same")[0], rows(second, task="same")[0]
    assert (one.p_value, one.interval) == (two.p_value, two.interval)


def test_an_untouched_model_is_rarely_called_changed():
    items = made_items(a=24, b=24, c=24)
    stored = [[f"{item.references[0]}", "reference", "wrong"] for item in items]
    alarms = 0
    for seed in range(100):
        generator = random.Random(seed)
        base, tuned = ([generator.choice(texts) for texts in stored] for _ in range(2))
        found = compare_answers(items, base, tuned, options(metrics=["token_f1"], resamples=300))
        alarms += bool(found.verdict.trained.improved or found.verdict.trained.worsened)
    assert alarms <= 10


def test_answers_are_extracted_before_they_are_scored():
    items = [Item("sums", False, ("First 3, then 4. #### 7",)), Item("sums", False, ("12",))]
    own = options(tasks={"sums": {"extract": r"#### *(-?[0-9]+)"}}, metrics=["exact_match"])
    preflight(own, ["sums"])
    answers = ["I thought #### 5 but it is ####7", "twelve"]
    assert score_answers(items, answers, own).per_item["exact_match"] == [1, 0]


def test_metrics_json_holds_what_the_report_reads(comparison):
    row = orjson.loads(orjson.dumps(dataclasses.asdict(comparison.changes[0])))
    wanted = {field.name for field in dataclasses.fields(evidence.Comparison)}
    assert wanted <= set(row)
    assert isinstance(row["interval"], list)
    assert evidence.OVERALL == OVERALL


def test_details_of_both_models_are_kept():
    items = [Item("label", False, (name,)) for name in ("yes", "no") * 5]
    found = compare_answers(
        items, ["yes"] * 10, ["yes", "no"] * 5, options(metrics=["classification_f1"])
    )
    details = found.changes[0].details
    assert details["base"]["classes"]["no"]["recall"] == 0
    assert details["tuned"]["classes"]["no"]["recall"] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": ["rouge_l"]}, "unknown metric 'rouge_l'"),
        ({"tasks": {"sum": {}}}, "did you mean sums"),
        ({"tasks": {"sums": {"metrics": ["f1"]}}}, "evaluate.tasks.sums.metrics: unknown metric"),
    ],
)
def test_mistakes_in_the_settings_are_found_early(settings, message):
    with pytest.raises(UserError, match=message):
        preflight(options(**settings), ["sums", "words"])


def test_a_task_may_not_be_called_overall():
    with pytest.raises(UserError, match="another name"):
        preflight(options(), ["overall"])


def test_items_that_cannot_be_scored_are_found_early():
    with pytest.raises(UserError, match="item 0 of task 'a': the item has no reference"):
        check_references(options(), [Item("a", False, ())])
    tags = options(metrics=["entity_f1"])
    check_references(tags, [Item("a", False, ("O B-PER I-PER",))])
    with pytest.raises(UserError, match="'Anna' at position 0 is not an IOB2 tag"):
        check_references(tags, [Item("a", False, ("Anna PER",))])
    with pytest.raises(UserError, match="no items"):
        compare_answers([], [], [], options())


def test_verdict_sentences():
    both = made_items(a=25, b=25, new_c=25, new_d=25)
    wrong, right = dict.fromkeys(["a", "b", "new_c", "new_d"], 0.0), {}
    right = dict.fromkeys(wrong, 1.0)
    better = compare_answers(both, answered(both, wrong), answered(both, right), options())
    assert better.verdict.sentence == (
        "All two trained tasks got significantly better and none significantly worse; "
        "all two held-out tasks got significantly better and none significantly worse."
    )
    same = compare_answers(both[:50], answered(both[:50], wrong), ["wrong"] * 50, options())
    assert same.verdict.sentence == "None of two trained tasks changed significantly."
    worse = compare_answers(both[:25], answered(both[:25], right), ["wrong"] * 25, options())
    assert worse.verdict.sentence == "The trained task got significantly worse."


def test_forgetting_is_per_token_and_paired():
    generator = np.random.default_rng(0)
    tokens = generator.integers(20, 300, 60)
    base = tokens * generator.normal(3, 0.5, 60)
    found = forgetting(base, base + 0.05 * tokens, tokens, options(resamples=1000))
    assert found.base == pytest.approx(base.sum() / tokens.sum())
    assert found.difference == pytest.approx(0.05)
    # Documents differ far more than 0.05, yet every one is worse by that much.
    assert found.interval == pytest.approx((0.05, 0.05))
    assert found.p_value == 1 / 1001
    assert (found.documents, found.tokens) == (60, tokens.sum())
