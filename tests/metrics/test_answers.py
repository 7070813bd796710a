"""SQuAD's rules, scikit-learn's averages, seqeval's entities: equal on the same input."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report as seqeval_report
from seqeval.scheme import IOB2
from sklearn.metrics import classification_report, f1_score

from tutelage.errors import UserError
from tutelage.metrics import METRICS
from tutelage.metrics.entities import check_tags

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "../shared/data"))
REPORTED = {"precision": "precision", "recall": "recall", "f1": "f1-score", "support": "support"}


def corpus_value(name, scores):
    return float(METRICS.get(name).aggregate(scores.statistics.sum(axis=0)))


def assert_same_rates(ours, theirs):
    assert ours == pytest.approx({rate: theirs[REPORTED[rate]] for rate in ours})


@pytest.mark.parametrize(
    ("prediction", "references", "exact", "f1"),
    [
        ("The Eiffel Tower!", ["eiffel tower"], 1, 1),
        ("a  cat and a dog", ["cat and dog"], 1, 1),
        ("in Paris, France", ["London", "Paris"], 0, 0.5),
        ("it's", ["its"], 1, 1),
        ("anthem", ["them"], 0, 0),
        ("red red blue", ["red blue blue"], 0, 2 / 3),
        ("", ["Paris"], 0, 0),
        ("the", [""], 1, 1),
    ],
)
def test_squad_rules(prediction, references, exact, f1):
    for name, expected in (("exact_match", exact), ("token_f1", f1)):
        scores = METRICS.get(name).score([prediction], [references])
        assert corpus_value(name, scores) == pytest.approx(expected, abs=1e-15)
        assert scores.per_item.tolist() == pytest.approx([expected], abs=1e-15)


def test_exact_text_minds_all_but_surrounding_space():
    answers = ['{"a": 1}\n', '{"a":1}', "Yes", "yes."]
    references = [['{"a": 1}'], ['{"a": 1}'], ["yes", "Yes"], ["yes"]]
    assert METRICS.get("exact_text").score(answers, references).per_item.tolist() == [1, 0, 1, 0]


@given(st.lists(st.tuples(st.sampled_from("abcx"), st.sampled_from("abcd")), min_size=1))
@settings(deadline=None)
def test_classification_equals_scikit_learn(pairs):
    predictions, truth = map(list, zip(*pairs, strict=True))
    classes = sorted(set(truth))
    scores = METRICS.get("classification_f1").score(predictions, [[label] for label in truth])

    macro = f1_score(truth, predictions, labels=classes, average="macro", zero_division=0)
    assert corpus_value("classification_f1", scores) == pytest.approx(macro)
    report = classification_report(
        truth, predictions, labels=classes, output_dict=True, zero_division=0
    )
    assert list(scores.details["classes"]) == classes
    for label in classes:
        assert_same_rates(scores.details["classes"][label], report[label])
    assert_same_rates(scores.details["macro"], report["macro avg"])
    # Micro goes over all labels, those only answered included: nothing is dropped.
    micro = f1_score(truth, predictions, average="micro", zero_division=0)
    assert scores.details["micro"]["f1"] == pytest.approx(micro)
    assert scores.details["accuracy"] == pytest.approx(np.mean([p == t for p, t in pairs]))


def test_labels_are_compared_without_case_and_space():
    scores = METRICS.get("classification_f1").score([" positive\n", "NEG"], [["Positive"], ["neg"]])
    assert scores.per_item.tolist() == [1, 1]
    assert list(scores.details["classes"]) == ["neg", "Positive"]


def test_answer_outside_the_classes_is_wrong_but_no_class():
    scores = METRICS.get("classification_f1").score(["yes", "perhaps"], [["yes"], ["no"]])
    assert corpus_value("classification_f1", scores) == 0.5
    assert scores.details["answers_outside_classes"] == 1
    assert scores.details["micro"]["precision"] == 0.5


def test_any_accepted_label_is_right():
    metric = METRICS.get("classification_f1")
    assert metric.score(["b", "c"], [["a", "b"], ["a", "b"]]).per_item.tolist() == [1, 0]


def test_a_resample_without_a_class_does_not_count_it():
    metric = METRICS.get("classification_f1")
    scores = metric.score(["a", "a", "b"], [["a"], ["a"], ["b"]])
    weights = np.array([[3.0, 0, 0], [0, 0, 3.0], [1, 1, 1]])
    assert metric.aggregate(weights @ scores.statistics).tolist() == [1, 1, 1]


tags = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-X-y"])
sentence = st.lists(st.tuples(tags, tags), min_size=1, max_size=10)
SEQEVAL = {"entity_f1": {}, "entity_f1_strict": {"mode": "strict", "scheme": IOB2}}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("name", SEQEVAL)
@given(st.lists(sentence, min_size=1, max_size=5))
@settings(deadline=None, max_examples=150)
def test_entities_equal_seqeval(name, sentences):
    predictions = [[pair[0] for pair in pairs] for pairs in sentences]
    truth = [[pair[1] for pair in pairs] for pairs in sentences]

    scores = METRICS.get(name).score(
        [" ".join(tags) for tags in predictions], [[" ".join(tags)] for tags in truth]
    )

    if not scores.details["types"]:
        assert corpus_value(name, scores) == 0
        return
    report = seqeval_report(truth, predictions, output_dict=True, zero_division=0, **SEQEVAL[name])
    assert corpus_value(name, scores) == pytest.approx(report["micro avg"]["f1-score"], abs=1e-15)
    assert_same_rates(scores.details["micro"], report["micro avg"])
    assert_same_rates(scores.details["macro"], report["macro avg"])
    for kind, rates in scores.details["types"].items():
        assert_same_rates(rates, report[kind])


@pytest.mark.parametrize("name", SEQEVAL)
def test_entities_equal_seqeval_on_wnut(name):
    path = DATA / "wnut17/emerging.dev.conll"
    if not path.exists():
        pytest.skip(f"needs {path}")
    blocks = path.read_text().strip().split("\n\n")
    truth = [[line.split("\t")[1] for line in block.splitlines() if line] for block in blocks]
    shuffled = np.random.default_rng(0)
    predictions = [
        [tag if shuffled.random() < 0.8 else str(shuffled.choice(tags)) for tag in tags]
        for tags in truth
    ]
    scores = METRICS.get(name).score(
        [" ".join(tags) for tags in predictions], [[" ".join(tags)] for tags in truth]
    )
    report = seqeval_report(truth, predictions, output_dict=True, **SEQEVAL[name])
    assert corpus_value(name, scores) == pytest.approx(report["micro avg"]["f1-score"], abs=1e-15)
    assert len(scores.details["types"]) >= 6


@pytest.mark.parametrize(
    ("answer", "f1"),
    [
        ("O B-PER I-PER O", 1),
        ("O B-PER I-PER", 1),  # missing tags are O
        ("O B-PER I-PER O B-LOC", 2 / 3),  # one tag too many, and it claims an entity
        ("O B-PER I-PER O O O", 1),
        ("o b-per Person O", 0),  # not tags
        ("", 0),
    ],
)
def test_malformed_answers_are_read_leniently(answer, f1):
    scores = METRICS.get("entity_f1").score([answer], [["O B-PER I-PER O"]])
    assert scores.per_item.tolist() == pytest.approx([f1])


def test_item_with_nothing_to_find_and_nothing_found_is_right():
    scores = METRICS.get("entity_f1").score(["O O", "B-A O"], [["O O"], ["O O"]])
    assert scores.per_item.tolist() == [1, 0]
    assert corpus_value("entity_f1", scores) == 0


def test_entities_take_the_best_reference():
    scores = METRICS.get("entity_f1").score(["B-A O"], [["O B-B", "B-A O"]])
    assert corpus_value("entity_f1", scores) == 1


def test_references_that_are_not_iob2_are_explained():
    assert check_tags(["O", "B-PER", "I", "I-PER"]) is None
    assert "'S-PER' at position 1" in check_tags(["O", "S-PER"])


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(UserError, match="did you mean rougeL"):
        METRICS.get("rougel")
