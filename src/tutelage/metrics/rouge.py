"""ROUGE-1, -2, -L and -Lsum: the F-measure of rouge-score 0.1.2 with stemming, much faster.

An item's value is the best over its references and the corpus value is the mean over items
(rouge-score's own aggregator gives an unseeded bootstrap median instead). Tokens are runs of
ASCII letters and digits, lower-cased, those over three characters stemmed; so text without Latin
letters or digits scores 0, as in the reference implementation. `details` counts the items that
this makes impossible to score, and chrF is the metric to use for them.

The speed comes from stemming each word of the vocabulary once, from rapidfuzz's bit-parallel
subsequence length, and from `union_lcs`. On 300-token texts all four together take less than a
fiftieth of rouge-score's time, -L alone an eightieth, -Lsum of many lines a fortieth; -1 and -2
alone, which fill no table, a fifteenth to a twentieth (benchmarks/RESULTS.md, "metrics").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from rapidfuzz.distance import LCSseq

from tutelage.metrics.metric import METRICS, Floats, Scores, mean_of_sums, mean_statistics
from tutelage.metrics.porter import stem
from tutelage.metrics.union_lcs import union_lcs_matches

Lines = tuple[tuple[str, ...], ...]


class Overlap(NamedTuple):
    """How many units of a text match, and how many each side has."""

    matches: int
    answer: int
    reference: int

    @property
    def f_measure(self) -> float:
        """The harmonic mean of precision and recall, in rouge-score's order of operations."""
        if not self.matches:
            return 0.0
        precision, recall = self.matches / self.answer, self.matches / self.reference
        return 2 * precision * recall / (precision + recall)


class _Vocabulary(dict[bytes, str]):
    """The stem of each word met; emptied when full, so that memory is bounded."""

    LIMIT = 1 << 18

    def __missing__(self, word: bytes) -> str:
        if len(self) >= self.LIMIT:
            self.clear()
        text = word.decode()
        self[word] = token = stem(text) if len(text) > 3 else text
        return token


_STEMS = _Vocabulary()
_KEPT = b"abcdefghijklmnopqrstuvwxyz0123456789\n"
_SEPARATE = bytes(byte if byte in _KEPT else ord(" ") for byte in range(256))


@lru_cache(maxsize=1 << 13)  # the ROUGE metrics of a run read the same texts one after the other
def tokenize(text: str) -> Lines:
    """The stemmed words of each line that has any, as rouge-score's tokenizer finds them."""
    lines = text.lower().encode("ascii", "replace").translate(_SEPARATE).split(b"\n")
    return tuple(tuple(map(_STEMS.__getitem__, words)) for line in lines if (words := line.split()))


def rouge_1(answer: Lines, reference: Lines) -> Overlap:
    """Overlap of words."""
    return _common(chain(*answer), chain(*reference))


def rouge_2(answer: Lines, reference: Lines) -> Overlap:
    """Overlap of pairs of neighbours; line ends do not separate."""
    return _common(pairwise(chain(*answer)), pairwise(chain(*reference)))


def rouge_l(answer: Lines, reference: Lines) -> Overlap:
    """The longest common subsequence of the whole texts."""
    words, wanted = list(chain(*answer)), list(chain(*reference))
    return Overlap(LCSseq.similarity(words, wanted), len(words), len(wanted))


def rouge_lsum(answer: Lines, reference: Lines) -> Overlap:
    """The union of longest common subsequences of each reference line with the answer's lines."""
    if len(answer) == len(reference) == 1:
        return rouge_l(answer, reference)  # of a single pair of lines, all matches count
    matches = union_lcs_matches(reference, answer)
    return Overlap(matches, sum(map(len, answer)), sum(map(len, reference)))


def _common(units: Iterable[Hashable], wanted: Iterable[Hashable]) -> Overlap:
    """The multiset intersection."""
    found, sought = Counter(units), Counter(wanted)
    matches = sum(min(found[unit], sought[unit]) for unit in found.keys() & sought.keys())
    return Overlap(matches, found.total(), sought.total())


@dataclass(frozen=True)
class Rouge:
    """One ROUGE metric.

    Attributes:
        overlap: from the lines of answer and reference.
    """

    name: str
    overlap: Callable[[Lines, Lines], Overlap]
    scale: ClassVar[Literal[1]] = 1
    higher_is_better: ClassVar[bool] = True
    answers: ClassVar[Literal["text"]] = "text"

    def score(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        """F-measure of each item: the best over its references."""
        per_item = np.empty(len(predictions))
        unscorable = 0
        for item, (prediction, accepted) in enumerate(zip(predictions, references, strict=True)):
            answer, wanted = tokenize(prediction), [tokenize(text) for text in accepted]
            per_item[item] = max(self.overlap(answer, lines).f_measure for lines in wanted)
            unscorable += not any(chain(*wanted))
        return Scores(
            per_item=per_item,
            statistics=mean_statistics(per_item),
            signature=f"{self.name}|f1|mean|refs:best|tok:a-z0-9|stem:porter-nltk|as:rouge-score-0.1.2",
            details={"items_without_latin_reference": unscorable} if unscorable else {},
        )

    def aggregate(self, sums: Floats) -> Floats:
        """The mean over items."""
        return mean_of_sums(sums)


METRICS.register("rouge1")(Rouge("rouge1", rouge_1))
METRICS.register("rouge2")(Rouge("rouge2", rouge_2))
METRICS.register("rougeL")(Rouge("rougeL", rouge_l))
METRICS.register("rougeLsum")(Rouge("rougeLsum", rouge_lsum))
