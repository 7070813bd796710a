"""BLEU, chrF and TER as sacrebleu computes them, with its signature.

The statistics of an item are sacrebleu's own, from the method that its significance tests use;
only the step from totals to value is written here, over many resamples at once. It repeats
sacrebleu's operations in sacrebleu's order, and takes logarithms with `math.log` (numpy's differ
in the last bit), so that the corpus value is equal to the last digit.

BLEU of one item is sacrebleu's `sentence_bleu`, which averages only the n-gram orders that the
answer is long enough to have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, ClassVar, Literal

import numpy as np
from sacrebleu.metrics.bleu import BLEU, MAX_NGRAM_ORDER
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from tutelage.metrics.metric import METRICS, Floats, Scores

BLEU_ORDERS = MAX_NGRAM_ORDER
CHRF_ORDERS = CHRF.CHAR_ORDER


@dataclass(frozen=True)
class SacrebleuMetric:
    """A metric whose item statistics and signature come from sacrebleu.

    Attributes:
        scorer: makes sacrebleu's object, with the settings that the signature then names.
        corpus_value: (..., columns) totals to (...) values.
        item_value: the same for the statistics of one item, where sacrebleu treats it otherwise.
    """

    name: str
    scorer: Callable[[], Any]
    corpus_value: Callable[[Floats], Floats]
    item_value: Callable[[Floats], Floats]
    higher_is_better: bool = True
    scale: ClassVar[Literal[100]] = 100
    answers: ClassVar[Literal["text"]] = "text"

    def score(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        """Score as sacrebleu does; items may differ in the number of their references."""
        scorer = self.scorer()
        streams = list(
            zip_longest(*references)
        )  # sacrebleu takes one list a reference, None-padded
        statistics = np.array(scorer._extract_corpus_statistics(predictions, streams), float)
        return Scores(
            per_item=self.item_value(statistics),
            statistics=statistics,
            signature=scorer.get_signature().format(),
        )

    def aggregate(self, sums: Floats) -> Floats:
        """Corpus values on sacrebleu's scale of 0 to 100."""
        return self.corpus_value(sums)


def bleu(sums: Floats, *, effective_order: bool = False) -> Floats:
    """BLEU with exponential smoothing.

    Args:
        sums: (..., 2 + 2·4) answer length, reference length, matches and n-grams of each order.
        effective_order: average only the orders of which the answer has an n-gram.
    """
    rows = sums.reshape(-1, 2 + 2 * BLEU_ORDERS)
    answer_length, reference_length = rows[:, 0], rows[:, 1]
    matches, ngrams = rows[:, 2 : 2 + BLEU_ORDERS], rows[:, 2 + BLEU_ORDERS :]
    precisions = np.zeros_like(matches)
    smoothing = np.ones(len(rows))
    for order in range(BLEU_ORDERS):
        exists = ngrams[:, order] > 0
        missed = exists & (matches[:, order] == 0)
        smoothing[missed] *= 2
        total = np.where(exists, ngrams[:, order], 1)
        precision = np.where(missed, 100.0 / (smoothing * total), 100.0 * matches[:, order] / total)
        precisions[:, order] = np.where(exists, precision, 0)
    averaged = (ngrams > 0).sum(axis=1) if effective_order else np.full(len(rows), BLEU_ORDERS)
    scored = matches.any(axis=1) & (
        np.take_along_axis(precisions, averaged[:, None] - 1, 1)[:, 0] > 0
    )
    values = np.zeros(len(rows))
    for row in np.flatnonzero(scored):
        orders = int(averaged[row])
        logs = [math.log(precision) for precision in precisions[row, :orders].tolist()]
        shorter = answer_length[row] < reference_length[row]
        brevity = math.exp(1 - reference_length[row] / answer_length[row]) if shorter else 1.0
        values[row] = brevity * math.exp(sum(logs) / orders)
    return values.reshape(sums.shape[:-1])


def sentence_bleu(statistics: Floats) -> Floats:
    """BLEU of single items."""
    return bleu(statistics, effective_order=True)


def chrf(sums: Floats) -> Floats:
    """chrF2 from totals.

    Args:
        sums: (..., 6·3) answer n-grams, reference n-grams and matches of each character order.
    """
    precision_sum, recall_sum = np.zeros(sums.shape[:-1]), np.zeros(sums.shape[:-1])
    orders = np.zeros(sums.shape[:-1])
    for order in range(CHRF_ORDERS):
        answer, reference, matches = np.moveaxis(sums[..., 3 * order : 3 * order + 3], -1, 0)
        counted = (answer > 0) & (reference > 0)
        precision_sum += np.where(counted, matches / np.where(counted, answer, 1), 0)
        recall_sum += np.where(counted, matches / np.where(counted, reference, 1), 0)
        orders += counted
    precision = precision_sum / np.maximum(orders, 1)
    recall = recall_sum / np.maximum(orders, 1)
    factor = CHRF.BETA**2
    found = precision + recall > 0
    score = (1 + factor) * precision * recall
    score /= np.where(found, factor * precision + recall, 1)
    return 100 * score


def ter(sums: Floats) -> Floats:
    """Translation edit rate, in percent of the reference length.

    Args:
        sums: (..., 2) edits and mean reference length.
    """
    edits, length = sums[..., 0], sums[..., 1]
    # With nothing to be measured against, sacrebleu counts any edit as the whole.
    rate = np.where(length > 0, edits / np.where(length > 0, length, 1), edits > 0)
    return 100 * rate


# force=True only silences sacrebleu's warning about text that looks tokenised.
METRICS.register("bleu")(
    SacrebleuMetric("bleu", lambda: BLEU(force=True), bleu, item_value=sentence_bleu)
)
METRICS.register("chrf")(SacrebleuMetric("chrf", CHRF, chrf, item_value=chrf))
METRICS.register("ter")(SacrebleuMetric("ter", TER, ter, item_value=ter, higher_is_better=False))
