"""Divide one optimizer step into micro-batches that fit a token budget.

The samples of a step are given (the sampler chose them); only their grouping is free. Sorted so
that common prefixes are neighbours, they are cut into packs where the two sides of a cut share the
least. Memory then depends on the budget, never on the batch size. Sequences that a loss compares (a
chosen response and the rejected ones) form a group, which is never parted.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from tutelage.prompt.renderer import Rendered
from tutelage.prompt.tree import (
    MIN_SHARED,
    Forest,
    in_sharing_order,
    merge,
    shared_tokens,
    sharing_key,
)

Group = Sequence[Rendered]
"""Sequences that travel together, at least one."""
CALLS = 64
"""What a pack costs beside its tokens, in tokens: calls of small operations, smaller products."""
EVENNESS = 1 / 16
"""What a pack as large as the budget costs beside that, as a share of its tokens."""


class Packed(NamedTuple):
    """One pack.

    Attributes:
        forest: the groups' sequences merged, numbered group by group.
        groups: which of the given groups these are.
    """

    forest: Forest
    groups: list[int]


def micro_batches(
    sequences: Sequence[Rendered], budget: int, min_shared: int = MIN_SHARED
) -> list[Forest]:
    """Pack sequences that are each a group of its own; see `pack_groups`."""
    packs = pack_groups([(sequence,) for sequence in sequences], budget, min_shared)
    return [pack.forest for pack in packs]


def pack_groups(groups: Sequence[Group], budget: int, min_shared: int = MIN_SHARED) -> list[Packed]:
    """Pack and merge groups so that each pack computes at most `budget` tokens.

    Args:
        groups: the optimizer step's samples, at least one.
        budget: tokens in one forward pass; a single larger group travels alone.
        min_shared: shortest prefix that is merged.

    Returns:
        Packs; every group is in exactly one.
    """
    inner = [in_sharing_order(group) for group in groups]
    order = sorted(range(len(groups)), key=lambda at: sharing_key(inner[at][0]))
    ordered = [inner[at] for at in order]
    alone = [_alone(group, min_shared) for group in ordered]
    packs = []
    for first, last in cuts_of(alone, _new_tokens(ordered, alone, min_shared), budget):
        while first < last:
            until, pack = last, _merged(groups, order[first:last], min_shared)
            # A branch may be shorter than what two neighbours share, so the count can be low.
            while len(pack.forest) > budget and until - first > 1:
                until -= 1
                pack = _merged(groups, order[first:until], min_shared)
            packs.append(pack)
            first = until
    return packs


def _merged(groups: Sequence[Group], taken: list[int], min_shared: int) -> Packed:
    return Packed(merge([s for at in taken for s in groups[at]], min_shared), taken)


def cuts_of(alone: Sequence[int], new: Sequence[int], budget: int) -> list[tuple[int, int]]:
    """Where to cut groups in sharing order: the cheapest way of all, by dynamic programming.

    A cut between two groups computes what they share twice, so the best are between tasks. Each
    pack costs its tokens, its calls, and a little more the nearer it comes to the budget, which
    makes packs even where nothing else decides (and the largest sets the memory).

    Args:
        alone: tokens of each group in a pack of its own.
        new: what each adds to a pack that holds the one before it.
        budget: tokens in a pack of more than one group.

    Returns:
        First and one past the last group of each pack, in order.
    """
    best = [0.0]  # cost of the first n groups
    start = [0]  # where their last pack begins
    for last in range(1, len(alone) + 1):
        costs: dict[int, float] = {}
        behind = 0  # tokens of the groups after the first of the pack
        for first in range(last - 1, -1, -1):
            size = alone[first] + behind
            if costs and size > budget:
                break
            costs[first] = best[first] + size + CALLS + EVENNESS * size * size / budget
            behind += new[first]
            if behind > budget:
                break
        start.append(min(costs, key=costs.__getitem__))
        best.append(costs[start[-1]])
    cuts = []
    last = len(alone)
    while last:
        cuts.append((start[last], last))
        last = start[last]
    return cuts[::-1]


def _new_tokens(ordered: Sequence[Group], alone: Sequence[int], min_shared: int) -> list[int]:
    """Tokens that each group adds, at least, to a pack which holds its neighbour before it."""
    new = []
    for at, group in enumerate(ordered):
        beside = ordered[at - 1] if at else ()
        shared = max((shared_tokens(group[0], other, min_shared) for other in beside), default=0)
        new.append(alone[at] - shared)
    return new


def _alone(group: Group, min_shared: int) -> int:
    """Tokens that a group in sharing order needs, at least."""
    shared = (shared_tokens(*pair, min_shared) for pair in itertools.pairwise(group))
    return sum(map(len, group)) - sum(shared)
