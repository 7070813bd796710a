"""Divide one optimizer step into micro-batches that fit a token budget.

The samples of a step are given (the sampler chose them); only their grouping is free. Sorted so
that common prefixes are neighbours, they are filled into packs of nearly equal size, counting a
shared prefix once a pack. Memory then depends on the budget, never on the batch size. Sequences
that a loss compares (a chosen response and the rejected ones) form a group, which is never parted.
"""

from __future__ import annotations

import itertools
import math
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
    new = _new_tokens([inner[at] for at in order], min_shared)
    count = math.ceil(sum(new) / budget)
    target = min(budget, math.ceil(sum(new) / count) + max(new) // 2)

    def merged(first: int, last: int) -> Packed:
        taken = order[first:last]
        return Packed(merge([s for at in taken for s in groups[at]], min_shared), taken)

    packs = []
    first = 0
    while first < len(order):
        last, filled = first + 1, _alone(inner[order[first]], min_shared)
        while last < len(order) and filled + new[last] <= target:
            filled += new[last]
            last += 1
        pack = merged(first, last)
        # A branch may be shorter than what two neighbours share, so the count can be a little low.
        while len(pack.forest) > budget and last - first > 1:
            last -= 1
            pack = merged(first, last)
        packs.append(pack)
        first = last
    return packs


def _new_tokens(ordered: Sequence[Group], min_shared: int) -> list[int]:
    """Tokens that each group adds, at least, to a pack which holds its neighbour before it."""
    new = []
    for at, group in enumerate(ordered):
        beside = ordered[at - 1] if at else ()
        shared = max((shared_tokens(group[0], other, min_shared) for other in beside), default=0)
        new.append(_alone(group, min_shared) - shared)
    return new


def _alone(group: Group, min_shared: int) -> int:
    """Tokens that a group in sharing order needs, at least."""
    shared = (shared_tokens(*pair, min_shared) for pair in itertools.pairwise(group))
    return sum(map(len, group)) - sum(shared)
