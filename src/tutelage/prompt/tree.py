"""Token trees: sequences that begin alike are stored once and branch where they differ.

Instruction data shares prefixes: a system prompt, a task definition, one prompt under several
responses. A forest keeps each shared prefix as one segment with branches below it. Positions
follow the path from the root, and attention is to follow the path too, so every token is computed
once and nothing but speed changes. A token with several continuations predicts each of them, with
the weights of the sequences that take it. What an encoder reads (a source) sees itself in both
directions, so it is shared only as a whole: each distinct source is there once, and the sequences
that go with it form trees among themselves. So is what a masked language model reads, where every
answer to a prompt is predicted from the same tokens.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tutelage.prompt.rendered import Rendered

MIN_SHARED = 8
"""Shortest prefix that becomes a branch. Each branch costs an attention call of its own; merging
Alpaca's 20 shared tokens pays a few percent (benchmarks/RESULTS.md, "sharing")."""


class Segment(NamedTuple):
    """A stretch of the row without branches.

    Attributes:
        start: first token in the row.
        end: one past the last.
        parent: index of the segment it continues, or -1.
    """

    start: int
    end: int
    parent: int


class Sources(NamedTuple):
    """What the encoder of an encoder-decoder reads: each distinct source once, one row.

    Attributes:
        ids: (source tokens,) int64.
        ends: for each source, one past its last token in the row.
        reads: for each segment of the forest, which source its tokens go with.
    """

    ids: np.ndarray
    ends: tuple[int, ...]
    reads: tuple[int, ...]

    def lengths(self) -> list[int]:
        """Tokens of each source."""
        return [end - start for start, end in itertools.pairwise((0, *self.ends))]


class Occurrences(NamedTuple):
    """Every supervised token of every sequence, before equal predictions are merged.

    Attributes:
        sequences: (occurrences,) int64, which of the merged sequences, as they were given.
        targets: (occurrences,) int64, which of the forest's targets.
        weights: (occurrences,) float32, the loss weight in that sequence.
    """

    sequences: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, slots=True)
class Forest:
    """Sequences merged into one row of tokens, without padding.

    Attributes:
        ids: (tokens,) int64.
        positions: (tokens,) int64, the distance from the beginning of the token's path.
        segments: in the order of the row; parents come before their children.
        predictors: (targets,) int64, places in the row whose hidden state predicts a target: of
            the token before it, or, of a masked language model, of the place itself.
        targets: (targets,) int64, the ids to predict.
        weights: (targets,) float32, the summed loss weights.
        occurrences: which sequences each target belongs to; the weights are their sums.
        logical_tokens: tokens of the sequences before merging.
        supervised_tokens: sum of the loss weights.
        sources: what the encoder reads; nothing for models without one.
    """

    ids: np.ndarray
    positions: np.ndarray
    segments: tuple[Segment, ...]
    predictors: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    occurrences: Occurrences
    logical_tokens: int
    supervised_tokens: float
    sources: Sources

    def __len__(self) -> int:
        """Tokens computed, those of the sources included."""
        return len(self.ids) + len(self.sources.ids)


def common_prefix(first: np.ndarray, second: np.ndarray) -> int:
    """How many leading ids two sequences share."""
    length = min(len(first), len(second))
    differ = np.flatnonzero(first[:length] != second[:length])
    return int(differ[0]) if len(differ) else length


def shared_tokens(first: Rendered, second: Rendered, min_shared: int = MIN_SHARED) -> int:
    """How many tokens of a sequence are not computed again beside another one.

    Args:
        first: one of them.
        second: the other.
        min_shared: shortest prefix that is merged.
    """
    if not np.array_equal(first.source, second.source):
        return 0
    prefix = _shared_prefix(first, second)
    return len(first.source) + (prefix if prefix >= min_shared else 0)


def _shared_prefix(first: Rendered, second: Rendered) -> int:
    """Leading ids that are the same and mean the same; where later ones are seen, all or none."""
    if len(first.labels) and not np.array_equal(first.ids, second.ids):
        return 0
    return common_prefix(first.ids, second.ids)


def sharing_key(sequence: Rendered) -> tuple[bytes, bytes]:
    """Sorts by source, then ids, so that sequences with a common prefix are neighbours."""
    return sequence.source.astype(">u4").tobytes(), sequence.ids.astype(">u4").tobytes()


def in_sharing_order(sequences: Sequence[Rendered]) -> list[Rendered]:
    """Sorted so that those with a common prefix are neighbours."""
    return sorted(sequences, key=sharing_key)


def merge(sequences: Sequence[Rendered], min_shared: int = MIN_SHARED) -> Forest:
    """Merge sequences on their common prefixes.

    Args:
        sequences: at least one.
        min_shared: branch only where at least this many tokens are shared.
    """
    order = sorted(range(len(sequences)), key=lambda at: sharing_key(sequences[at]))
    return _Builder([sequences[at] for at in order], order, min_shared).forest()


class _Builder:
    """Lays out the sorted sequences segment by segment, depth first."""

    def __init__(self, ordered: list[Rendered], order: list[int], min_shared: int) -> None:
        self.ordered = ordered
        self.order = order  # the place of each as it was given
        self.min_shared = min_shared
        same = [
            np.array_equal(first.source, second.source)
            for first, second in itertools.pairwise(ordered)
        ]
        self.shared = [
            _shared_prefix(first, second) if alike else 0
            for alike, (first, second) in zip(same, itertools.pairwise(ordered), strict=True)
        ]
        # For each sequence the number of its source.
        self.source_of = np.cumsum([0, *(not alike for alike in same)])
        self.reads: list[int] = []
        self.segments: list[Segment] = []
        self.ids: list[np.ndarray] = []
        self.positions: list[np.ndarray] = []
        self.places = [np.empty(len(sequence.ids), dtype=np.int64) for sequence in ordered]
        self.length = 0

    def forest(self) -> Forest:
        pending = [(0, len(self.ordered), 0, -1)]  # sequences from, to; depth reached; parent
        while pending:
            pending += reversed(self._branches(*pending.pop()))
        predictors, targets, occurrences = self._targets()
        # Equal predictions add their weights.
        weights = np.bincount(occurrences.targets, occurrences.weights, minlength=len(targets))
        return Forest(
            ids=np.concatenate(self.ids),
            positions=np.concatenate(self.positions),
            segments=tuple(self.segments),
            predictors=predictors,
            targets=targets,
            weights=weights.astype(np.float32),
            occurrences=occurrences,
            logical_tokens=sum(map(len, self.ordered)),
            supervised_tokens=float(sum(sequence.weights.sum() for sequence in self.ordered)),
            sources=self._sources(),
        )

    def _sources(self) -> Sources:
        first = np.unique(self.source_of, return_index=True)[1]
        distinct = [self.ordered[at].source for at in first]
        ends = np.cumsum([len(source) for source in distinct]).tolist()
        if not ends[-1]:  # the model has no encoder
            return Sources(np.zeros(0, dtype=np.int64), (), ())
        return Sources(np.concatenate(distinct).astype(np.int64), tuple(ends), tuple(self.reads))

    def _branches(
        self, first: int, last: int, depth: int, parent: int
    ) -> list[tuple[int, int, int, int]]:
        """Cut sequences [first, last), alike up to `depth`, into runs that share a segment."""
        below = []
        at = first
        while at < last:
            end, shared = at + 1, len(self.ordered[at].ids)
            while end < last and min(shared, self.shared[end - 1]) >= depth + self.min_shared:
                shared = min(shared, self.shared[end - 1])
                end += 1
            if shared > depth:
                segment = self._add(at, end, depth, shared, parent)
                if end - at > 1:
                    below.append((at, end, shared, segment))
            at = end
        return below

    def _add(self, first: int, last: int, depth: int, until: int, parent: int) -> int:
        start, self.length = self.length, self.length + until - depth
        row = np.arange(start, self.length)
        for sequence in range(first, last):
            self.places[sequence][depth:until] = row
        self.ids.append(self.ordered[first].ids[depth:until].astype(np.int64))
        self.positions.append(np.arange(depth, until))
        self.segments.append(Segment(start, self.length, parent))
        self.reads.append(int(self.source_of[first]))
        return len(self.segments) - 1

    def _targets(self) -> tuple[np.ndarray, np.ndarray, Occurrences]:
        """Where each supervised token is predicted from; equal predictions are one target."""
        predictors, targets, weights = [], [], []
        for sequence, places in zip(self.ordered, self.places, strict=True):
            supervised = np.flatnonzero(sequence.weights)
            back = 0 if len(sequence.labels) else 1
            predictors.append(places[supervised - back])
            targets.append(sequence.predicted[supervised].astype(np.int64))
            weights.append(sequence.weights[supervised])
        pairs = np.stack([np.concatenate(predictors), np.concatenate(targets)])
        unique, inverse = np.unique(pairs, axis=1, return_inverse=True)
        owners = np.repeat(np.array(self.order, dtype=np.int64), [len(part) for part in weights])
        occurrences = Occurrences(owners, inverse.reshape(-1), np.concatenate(weights))
        return unique[0], unique[1], occurrences
