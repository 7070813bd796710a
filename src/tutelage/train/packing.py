"""Divide one optimizer step into micro-batches that fit a token budget.

The samples of a step are given (the sampler chose them); only their grouping is free. Sorted so
that common prefixes are neighbours, they are filled into packs of nearly equal size, counting a
shared prefix once a pack. Memory then depends on the budget, never on the batch size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tutelage.prompt.renderer import Rendered
from tutelage.prompt.tree import MIN_SHARED, Forest, common_prefix, in_sharing_order, merge


def micro_batches(
    sequences: Sequence[Rendered], budget: int, min_shared: int = MIN_SHARED
) -> list[Forest]:
    """Group and merge sequences so that each pack computes at most `budget` tokens.

    Args:
        sequences: the optimizer step's samples, at least one.
        budget: tokens in one forward pass; a single longer sequence travels alone.
        min_shared: shortest prefix that is merged.

    Returns:
        Packs; every sequence is in exactly one.
    """
    ordered = in_sharing_order(sequences)
    new = [_new_tokens(ordered, at, min_shared) for at in range(len(ordered))]
    count = math.ceil(sum(new) / budget)
    target = min(budget, math.ceil(sum(new) / count) + max(new) // 2)
    packs = []
    first = 0
    while first < len(ordered):
        last, filled = first + 1, len(ordered[first].ids)
        while last < len(ordered) and filled + new[last] <= target:
            filled += new[last]
            last += 1
        pack = merge(ordered[first:last], min_shared)
        # A branch may be shorter than what two neighbours share, so the count can be a little low.
        while len(pack) > budget and last - first > 1:
            last -= 1
            pack = merge(ordered[first:last], min_shared)
        packs.append(pack)
        first = last
    return packs


def _new_tokens(ordered: Sequence[Rendered], at: int, min_shared: int) -> int:
    """Tokens that a sequence adds, at least, to a pack which holds its neighbour before it."""
    length = len(ordered[at].ids)
    if at == 0:
        return length
    shared = common_prefix(ordered[at - 1].ids, ordered[at].ids)
    return length - shared if shared >= min_shared else length
