"""BLEU, chrF and TER equal sacrebleu's, corpus and sentence, to the last digit."""

import math

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.metrics import METRICS

SCORERS = {"bleu": sacrebleu.BLEU, "chrf": sacrebleu.CHRF, "ter": sacrebleu.TER}
WORDS = ["the", "cat", "sat", "on", "a", "mat", ".", "Katze", "猫", "it's", "", "  ", "&amp;"]
text = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
item = st.tuples(text, st.lists(text, min_size=1, max_size=3))


def streams(references):
    width = max(map(len, references))
    return [[refs[i] if i < len(refs) else None for refs in references] for i in range(width)]


@pytest.mark.parametrize("name", SCORERS)
@given(items=st.lists(item, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_corpus_value_and_signature_equal_sacrebleu(name, items):
    predictions, references = map(list, zip(*items, strict=True))
    metric, scorer = METRICS.get(name), SCORERS[name]()
    expected = scorer.corpus_score(predictions, streams(references)).score

    scores = metric.score(predictions, references)

    assert float(metric.aggregate(scores.statistics.sum(axis=0))) == expected
    assert scores.signature == scorer.get_signature().format()


@pytest.mark.parametrize("name", SCORERS)
@given(items=st.lists(item, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_items_equal_sentence_scores(name, items):
    predictions, references = map(list, zip(*items, strict=True))
    options = {"effective_order": True} if name == "bleu" else {}
    scorer = SCORERS[name](**options)

    per_item = METRICS.get(name).score(predictions, references).per_item

    expected = [scorer.sentence_score(p, r).score for p, r in items]
    assert per_item.tolist() == expected


@pytest.mark.parametrize("name", SCORERS)
def test_resamples_are_aggregated_at_once(name):
    predictions = ["the cat sat on the mat", "a dog", "", "hello there world , again"]
    references = [["the cat sat on a mat"], ["a dog"], ["nothing"], ["hello world again", "hi"]]
    metric = METRICS.get(name)
    scores = metric.score(predictions, references)
    weights = np.random.default_rng(0).integers(0, 3, (50, 4)).astype(float)

    together = metric.aggregate(weights @ scores.statistics)

    alone = [float(metric.aggregate(w @ scores.statistics)) for w in weights]
    assert together.tolist() == alone
    assert all(map(math.isfinite, alone))
