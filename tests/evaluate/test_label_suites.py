"""Suites of labels: the published sets, and figures against counts by hand and scikit-learn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from bias_suites import asked, choosing, given, measured, published, values
from sklearn.metrics import f1_score

from tutelage.errors import UserError
from tutelage.evaluate.question import Reply
from tutelage.evaluate.suite import SUITES, NotAsked

FILES = {"sst2": "sst2/dev.tsv", "trec": "trec/test.txt", "banking77": "banking77/test.csv"}
SIZES = {"sst2": (872, 2), "trec": (500, 6), "banking77": (3080, 77)}


@pytest.mark.parametrize("suite", FILES)
def test_published_questions(suite: str) -> None:
    questions = asked(suite, published(suite))
    items, labels = SIZES[suite]
    assert len({question.key for question in questions}) == len(questions) == items
    (choices,) = {question.choices for question in questions}
    assert len(set(choices)) == labels == len({q.target["choice"] for q in questions})
    # What comes before the text is the same for all, and holds every label.
    head = questions[0].turns[0].content.split("\n\n")[0]
    assert all(label in head for label in choices)
    assert all(question.turns[0].content.startswith(head + "\n\n") for question in questions)
    right = [choosing(question.target["choice"], labels) for question in questions]
    assert set(values(measured(suite, questions, right)).values()) == {1.0}


def test_banking_intents_are_in_words_and_forty_each() -> None:
    questions = asked("banking77", published("banking77"))
    assert set(Counter(q.target["choice"] for q in questions).values()) == {40}
    first = questions[0]
    assert first.choices[first.target["choice"]] == "card arrival"
    assert all(label == label.lower() and label.isascii() for label in first.choices)
    assert not any(sign in "".join(first.choices) for sign in "_?")


@pytest.mark.parametrize("suite", ["sst2", "trec"])
def test_figures_are_those_of_scikit_learn(suite: str) -> None:
    questions = asked(suite, published(suite))[:120]
    labels = len(questions[0].choices)
    chosen = np.random.default_rng(0).integers(labels, size=len(questions))
    right = [question.target["choice"] for question in questions]
    found = values(measured(suite, questions, [choosing(int(at), labels) for at in chosen]))
    assert found["accuracy"] == pytest.approx(np.mean(chosen == right))
    expected = f1_score(right, chosen, average="macro", labels=sorted(set(right)))
    assert found["classification_f1"] == pytest.approx(expected)


def trec(folder: Path, *rows: str) -> Path:
    (folder / "trec").mkdir()
    (folder / "trec" / "test.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_a_long_label_is_chosen_by_the_mean_of_its_tokens(tmp_path: Path) -> None:
    questions = asked("trec", trec(tmp_path, "LOC:city Where is it ?"))
    right, wrong = questions[0].target["choice"], 0
    likelihoods, lengths = [-20.0] * 6, [1] * 6
    likelihoods[right], lengths[right] = -4.0, 4
    likelihoods[wrong], lengths[wrong] = -3.0, 1
    measures = measured(
        "trec", questions, [Reply(likelihoods=tuple(likelihoods), lengths=tuple(lengths))]
    )
    assert values(measures) == {
        "accuracy": 0.0,
        "accuracy_per_token": 1.0,
        "classification_f1": 0.0,
    }
    assert [one.metric for one in measures if one.primary] == ["accuracy"]


def test_labels_of_one_length_are_not_weighed_twice() -> None:
    questions = asked("sst2", published("sst2"))[:2]
    found = measured("sst2", questions, [choosing(0, 2)] * 2)
    assert [one.metric for one in found] == ["accuracy", "classification_f1"]


@pytest.mark.parametrize(
    ("suite", "content", "place"),
    [
        ("sst2", "fine film\t1\nno label\n", "line 2"),
        ("sst2", "fine film\t2\n", "line 1"),
        ("trec", "NUM:date When ?\nODD:x Who ?\n", "line 2"),
        ("trec", "NUM:date\n", "line 1"),
        ("banking77", "text,category\nwhere is it,card_arrival\nlost,\n", "row 1"),
        ("trec", "\n", "test.txt"),
    ],
)
def test_broken_rows_are_named(suite: str, content: str, place: str, tmp_path: Path) -> None:
    path = tmp_path / FILES[suite]
    path.parent.mkdir()
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        asked(suite, tmp_path)
    assert (caught.value.where or "").endswith(place)
    assert "expected" in (caught.value.fix or "")


@pytest.mark.parametrize("suite", FILES)
def test_without_files_they_are_not_asked(suite: str, tmp_path: Path) -> None:
    with pytest.raises(NotAsked, match=FILES[suite]):
        SUITES.get(suite).questions(given(suite, tmp_path))
