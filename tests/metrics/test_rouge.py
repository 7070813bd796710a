"""ROUGE equals rouge-score 0.1.2 with stemming, on public texts and on adversarial small ones."""

import json
import os
import random
import re
import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer

from tutelage.metrics import METRICS
from tutelage.metrics.porter import stem

NAMES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "../shared/data"))
WORDS = ["a", "b", "c", "the", "running", "Runs", "news", "étude", "42", "don't", "skies", "猫"]
words = st.lists(st.sampled_from([*WORDS, "\n", "\n"]), max_size=40).map(" ".join)
few_letters = st.lists(st.sampled_from("ab\n"), max_size=30).map(" ".join)


@pytest.fixture(scope="module")
def reference():
    return rouge_scorer.RougeScorer(NAMES, use_stemmer=True)


def ours(predictions, references):
    return np.array([METRICS.get(name).score(predictions, references).per_item for name in NAMES])


def theirs(reference, predictions, references):
    scores = [
        reference.score_multi(list(accepted), prediction)
        for prediction, accepted in zip(predictions, references, strict=True)
    ]
    return np.array([[score[name].fmeasure for score in scores] for name in NAMES])


@given(
    items=st.lists(
        st.tuples(words | few_letters, st.lists(words | few_letters, min_size=1, max_size=3)),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=300, deadline=None)
def test_equals_rouge_score(reference, items):
    predictions, references = zip(*items, strict=True)
    np.testing.assert_allclose(
        ours(predictions, references),
        theirs(reference, predictions, references),
        rtol=0,
        atol=1e-12,
    )


def test_equals_rouge_score_on_public_texts(reference):
    path = DATA / "alpaca_12k.json"
    if not path.exists():
        pytest.skip(f"needs {path}")
    outputs = [row["output"] for row in json.loads(path.read_text())]
    texts = sorted((text for text in outputs if text.count("\n") > 4), key=len)[-400:]
    random.Random(0).shuffle(texts)
    predictions, references = texts[:15], [[text] for text in texts[15:30]]
    # An answer that is close to its reference, too: some words lost, some lines swapped.
    for text in texts[30:40]:
        lines = [
            " ".join(w for w in line.split(" ") if random.Random(w).random() < 0.8)
            for line in text.split("\n")
        ]
        predictions.append("\n".join(lines[::-1]))
        references.append([text])
    np.testing.assert_allclose(
        ours(predictions, references),
        theirs(reference, predictions, references),
        rtol=0,
        atol=1e-12,
    )


def test_value_is_the_mean_over_items():
    metric = METRICS.get("rouge1")
    scores = metric.score(["a b", "c"], [["a b"], ["d"]])
    assert float(metric.aggregate(scores.statistics.sum(axis=0))) == 0.5


def test_text_that_rouge_cannot_see_is_counted():
    scores = METRICS.get("rougeL").score(["猫が好き", "cat"], [["猫が好き"], ["猫", "cat"]])
    assert scores.per_item.tolist() == [0, 1]
    assert scores.details == {"items_without_latin_reference": 1}


SUFFIXES = [
    "ational", "tional", "enci", "izer", "bli", "alli", "entli", "eli", "ousli", "ization",
    "ation", "ator", "alism", "iveness", "logi", "fulli", "ness", "icate", "ful", "ement",
    "ion", "ize", "ed", "ing", "eed", "ied", "ies", "sses", "s", "y", "e", "ll",
]  # fmt: skip
beginnings = st.text(alphabet="abceilnostuyz1", max_size=6)


@given(beginnings, st.lists(st.sampled_from(SUFFIXES), max_size=3))
@settings(max_examples=500, deadline=None)
def test_stems_of_built_words_equal_nltk(beginning, suffixes):
    word = beginning + "".join(suffixes)
    assert stem(word) == PorterStemmer().stem(word)


@given(st.text(alphabet=string.ascii_lowercase + string.digits, min_size=1, max_size=12))
def test_stems_of_random_words_equal_nltk(word):
    assert stem(word) == PorterStemmer().stem(word)


def test_stems_of_public_words_equal_nltk():
    path = DATA / "alpaca_12k.json"
    if not path.exists():
        pytest.skip(f"needs {path}")
    found = sorted(set(re.findall("[a-z0-9]+", path.read_text().lower())))
    nltk = PorterStemmer()
    assert len(found) > 20_000
    assert [word for word in found if stem(word) != nltk.stem(word)] == []
