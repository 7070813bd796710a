"""Undesired responses: which of their tokens count, and how they are held to the length limit.

A negative is rendered as what it is, the assistant's last turn after the same prompt. A loss that
compares it with the desired response needs both under one prompt, so a prompt that has to be
shortened is shortened alike for all. A loss that makes the negative itself unlikely starts where
it parts from the desired response: what the two share is not what was undesired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

import numpy as np

from tutelage.data.example import Example
from tutelage.data.fates import Fate, Reason
from tutelage.prompt.length import held_to_limit
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.rendered import Rendered, Rendering
from tutelage.prompt.tree import common_prefix


class Negatives(Enum):
    """What an objective does with undesired responses."""

    IGNORED = "ignored"
    PAIRED = "paired"
    """Compared with the desired response, last turn with last turn; an example needs both."""
    UNDESIRED = "undesired"
    """Made unlikely from where they part from the desired response; an example needs either."""


def contrasted(
    example: Example,
    desired: Sequence[Rendered],
    negatives: Sequence[Rendered],
    use: Negatives,
    options: PromptOptions,
) -> Rendering:
    """What becomes of an example whose negatives are used.

    Args:
        example: as read.
        desired: its sequences; paired, at most one, with loss on its last turn.
        negatives: a sequence for each negative, with loss on its last turn.
        use: paired or undesired.
        options: the length limit.

    Raises:
        UserError: a sequence is too long and `over_long` is `error`.
    """
    if not desired and (use is Negatives.PAIRED or not negatives):
        return Rendering((), Fate.DROPPED, Reason.NO_RESPONSE)
    if use is Negatives.PAIRED:
        return _paired(example, desired, negatives, options)
    if desired:
        negatives = [after_common_prefix(negative, desired[-1]) for negative in negatives]
    if not all(sequence.supervised_tokens for sequence in negatives):
        return Rendering((), Fate.DROPPED, Reason.NO_CONTRAST)
    kept, undesired = (
        held_to_limit(example, part, options) if part else Rendering(())
        for part in (desired, negatives)
    )
    worst = max(kept, undesired, key=lambda part: part.fate)
    if worst.fate is Fate.DROPPED:
        return worst
    return replace(worst, sequences=kept.sequences, negatives=undesired.sequences)


def _paired(
    example: Example,
    desired: Sequence[Rendered],
    negatives: Sequence[Rendered],
    options: PromptOptions,
) -> Rendering:
    if not negatives:
        return Rendering((), Fate.DROPPED, Reason.NO_NEGATIVE)
    held = held_to_limit(example, [*desired, *negatives], options, alike=True)
    chosen, rejected = held.sequences[:1], held.sequences[1:]
    if any(np.array_equal(chosen[0].predicted, negative.predicted) for negative in rejected):
        return Rendering((), Fate.DROPPED, Reason.NO_CONTRAST)
    return replace(held, sequences=chosen, negatives=rejected)


def after_common_prefix(negative: Rendered, desired: Rendered) -> Rendered:
    """The negative with loss weights only from its first token that the desired one has not."""
    weights = negative.weights.copy()
    weights[: common_prefix(negative.predicted, desired.predicted)] = 0.0
    return replace(negative, weights=weights)
