"""Labels that rows like them do not have."""

import random

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from in_memory import dataset, findings
from tutelage.curate.labels.confident import FOLDS, judge, out_of_sample

WORDS = {
    "weather": ["rain", "snow", "wind", "storm", "cloud", "sun", "hail", "frost"],
    "food": ["bread", "soup", "cheese", "apple", "rice", "noodle", "cake", "salad"],
    "music": ["violin", "drum", "opera", "choir", "song", "piano", "flute", "melody"],
}


def made(count: int, wrong: int, by_input: bool = False) -> tuple[list[dict[str, str]], set[int]]:
    """Sentences about three topics, the first `wrong` of each with the next topic's label."""
    draw = random.Random(1)
    rows, bad = [], set()
    topics = list(WORDS)
    for number, (topic, words) in enumerate(WORDS.items()):
        for place in range(count):
            text = f"tell me about {' and '.join(draw.sample(words, 3))}"
            label = topics[(number + 1) % 3] if place < wrong else topic
            bad |= {len(rows)} if place < wrong else set()
            asked = ("Name the topic.", text) if by_input else (text, "")
            rows.append({"instruction": asked[0], "input": asked[1], "output": label})
    return rows, bad


@pytest.mark.parametrize("by_input", [False, True])
def test_changed_labels_are_found_and_the_right_one_named(by_input: bool) -> None:
    rows, bad = made(80, 4, by_input)
    found = findings("label_error", rows)
    assert set(found["at"]) <= bad
    assert len(set(found["at"])) >= 0.8 * len(bad)
    assert "labelled food, where rows like it are labelled weather" in found["detail"][0]
    assert found["field"].unique().to_list() == ["output"]


def test_right_labels_are_left_alone_and_counted() -> None:
    concluded = dataset(made(80, 0)[0]).conclude("label_error")
    assert concluded.findings.is_empty()
    (task,) = concluded.summary["tasks"]
    assert (task["rows"], task["labels"], task["estimated_wrong"]) == (240, 3, 0)


def test_what_is_no_classification_is_not_judged() -> None:
    rows = [
        {
            "instruction": f"Say something of {number}",
            "output": f"It is a number, {number}, I think",
        }
        for number in range(120)
    ]
    assert dataset(rows).conclude("label_error").summary == {"tasks": []}
    few = made(10, 1)[0]
    assert dataset(few).conclude("label_error").summary == {"tasks": []}


def test_labels_that_texts_do_not_tell_are_not_judged() -> None:
    draw = random.Random(2)
    rows = [{**row, "output": draw.choice("ABCD")} for row in made(80, 0)[0]]
    concluded = dataset(rows).conclude("label_error")
    assert concluded.findings.is_empty()
    (task,) = concluded.summary["tasks"]
    assert task["judged"] is False
    assert abs(task["agreement"]) < 0.2


def test_a_label_is_judged_as_written_down() -> None:
    """Against the definitions, row by row and label by label."""
    draw = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    chances = draw.dirichlet([0.4] * 3, size=60)
    judged = judge(chances, labels)
    usual = [np.mean([chances[i, k] for i in range(60) if labels[i] == k]) for k in range(3)]
    joint = np.zeros((3, 3))
    for row in range(60):
        own = chances[row, labels[row]]
        others = [k for k in range(3) if k != labels[row]]
        other = max(others, key=lambda k: chances[row, k])
        assert judged.other[row] == other
        assert judged.margin()[row] == pytest.approx(own - chances[row, other])
        passed = [k for k in range(3) if chances[row, k] >= usual[k]]
        if passed:
            joint[labels[row], max(passed, key=lambda k: chances[row, k])] += 1
    joint *= (20 / joint.sum(axis=1))[:, None]
    assert np.allclose(judged.joint, joint)
    assert judged.joint.sum() == pytest.approx(60)
    assert judged.agreement == pytest.approx(cohen_kappa_score(labels, chances.argmax(axis=1)))


def test_probabilities_do_not_know_the_row() -> None:
    """A row by itself in meaning cannot be given its label by its own example."""
    vectors = np.eye(4, dtype=np.float32)[[0] * 20 + [1] * 20 + [2]]
    labels = np.array([0] * 20 + [1] * 20 + [1])
    texts = ["a a"] * 20 + ["b b"] * 20 + ["c c"]
    chances = out_of_sample(vectors, texts, labels, seed=0)
    assert np.allclose(chances.sum(axis=1), 1)
    assert chances[-1, 1] < 0.6 < chances[20, 1]
    assert np.array_equal(chances, out_of_sample(vectors, texts, labels, seed=0))
    assert len(labels) >= FOLDS
