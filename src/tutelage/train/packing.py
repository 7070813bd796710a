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
        sequences: the optimizer step's samples.
        budget: tokens in one forward pass; a single longer sequence travels alone.
        min_shared: shortest prefix that is merged.

    Returns:
        Packs; every sequence is in exactly one.
    """
    ordered = in_sharing_order(sequences)
    new = [_new_tokens(ordered, at, min_shared) for at in range(len(ordered))]
    packs = max(1, math.ceil(sum(new) / budget))
    target = min(budget, math.ceil(sum(new) / packs) + max(new) // 2)
    groups: list[list[Rendered]] = []
    filled = 0
    for sequence, added in zip(ordered, new, strict=True):
        if groups and filled + added <= target:
            groups[-1].append(sequence)
            filled += added
        else:
            groups.append([sequence])
            filled = len(sequence.ids)
    return [merge(group, min_shared) for group in groups]


def _new_tokens(ordered: Sequence[Rendered], at: int, min_shared: int) -> int:
    """Tokens that a sequence adds to a pack which holds its neighbour before it."""
    length = len(ordered[at].ids)
    if at == 0:
        return length
    shared = common_prefix(ordered[at - 1].ids, ordered[at].ids)
    return length - shared if shared >= min_shared else length
