"""A shuffling that lets examples with a common prefix meet in an optimizer step.

Examples that begin alike share computation only if they are in the same step. With 41 tasks and
steps of 128 a uniform order brings three of a task together; the more meet, the more is shared,
and the less a step looks like the data as a whole. The compromise is `TOGETHER`: an epoch is

1. the examples in the order of a walk through the tree of their common prefixes, taking the
   branches at every fork in random order, so that neighbours are random relatives,
2. rotated by a random amount and cut into blocks of `TOGETHER` neighbours,
3. the blocks shuffled; what is left over comes last.

What stays as in a uniform order: an epoch visits every example once; and each example is equally
likely to stand at each place, because the rotation alone makes it so. So the mean of a step's
gradient over epochs is the gradient over all data: there is no bias. What does not: relatives meet
more often than chance would have them, so a step's gradient varies as if its batch were smaller,
by up to the factor 1 + (TOGETHER - 1) r, where r is the correlation of the gradients of relatives
(the design effect of cluster sampling; Kish 1965). Where nothing is shared there are no relatives,
and the order is a uniform one. What it gains and costs is measured in benchmarks/RESULTS.md,
"an order that shares".
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import MIN_SHARED, shared_tokens, sharing_key

TOGETHER = 8
"""Relatives that stay together."""

MAX_LEVELS = 8
"""Forks that are told apart on the way to an example; what parts further down is one family."""


@dataclass(frozen=True)
class Kinship:
    """Which examples begin alike.

    Attributes:
        places: (examples,) int64, the examples sorted by their tokens.
        families: for each level of the tree, from the root: (examples,) int64, the number of the
            branch that each of `places` is on. Branches are runs of neighbours.
        together: neighbours that stay together.
    """

    places: np.ndarray
    families: tuple[np.ndarray, ...]
    together: int = TOGETHER

    @classmethod
    def of(cls, sequences: Iterable[Rendered], together: int = TOGETHER) -> Kinship:
        """Find the common prefixes.

        Args:
            sequences: one of each example.
            together: neighbours that stay together.
        """
        held = list(sequences)
        places = sorted(range(len(held)), key=lambda at: sharing_key(held[at]))
        pairs = ((held[a], held[b]) for a, b in itertools.pairwise(places))
        shared = np.array([shared_tokens(*pair, min_shared=0) for pair in pairs], dtype=np.int64)
        return cls(np.array(places, dtype=np.int64), _families(shared), together)

    def shuffled(self, random: np.random.Generator, drawn: np.ndarray | None = None) -> np.ndarray:
        """A new order of all examples.

        Args:
            random: what decides it.
            drawn: the examples to order in place of all, some perhaps several times.
        """
        apart = [np.arange(len(self.places)), *reversed(self.families)]  # the last counts first
        ranks = [random.permutation(int(family[-1]) + 1)[family] for family in apart]
        walk = self.places[np.lexsort(ranks)]
        if drawn is not None:
            walk = _repeated(walk, np.bincount(drawn, minlength=len(walk)))
        count = len(walk)
        walk = np.roll(walk, random.integers(count))
        whole = count - count % self.together
        blocks = walk[:whole].reshape(-1, self.together)
        return np.concatenate([random.permutation(blocks).reshape(-1), walk[whole:]])


def _repeated(walk: np.ndarray, times: np.ndarray) -> np.ndarray:
    """A walk over some examples, several times over those that are wanted several times.

    The second time comes after all first times: copies of an example are not its relatives, and
    a step of them would say nothing new.

    Args:
        walk: (examples,) all of them in order.
        times: (examples,) how often each is wanted.
    """
    wanted = times[walk]
    firsts = np.repeat(np.cumsum(wanted) - wanted, wanted)
    which = np.arange(len(firsts)) - firsts  # the how-manieth time
    return np.repeat(walk, wanted)[np.argsort(which, kind="stable")]


def _families(shared: np.ndarray) -> tuple[np.ndarray, ...]:
    """Branches at each level of the tree.

    Args:
        shared: (examples - 1,) tokens that neighbours in sorted order share.
    """
    families: list[np.ndarray] = []
    border = shared < MIN_SHARED
    while len(families) < MAX_LEVELS and not border.all():
        family = np.concatenate([[0], np.cumsum(border)])
        if border.any():  # else all are of one family, which orders nothing
            families.append(family)
        # What a family has in common is the least that two neighbours in it share.
        common = np.full(int(family[-1]) + 1, np.iinfo(np.int64).max // 2)
        np.minimum.at(common, family[1:][~border], shared[~border])
        border = border | (shared < common[family[1:]] + MIN_SHARED)
    return tuple(families)
