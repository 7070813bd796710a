"""What prompts have in common at their beginning.

A system prompt, a task definition, a few-shot block or the earlier turns of a conversation stand
at the head of many prompts. The forest that training packs its examples into finds them here too:
each stretch of it is read once, however many prompts pass through it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import Segment, merge


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens at which no prompt branches off or ends, but at their end.

    Attributes:
        ids: the tokens, at least one.
        start: position of the first.
        parent: index of the stretch before it, or -1.
        users: how many prompts pass through it.
    """

    ids: tuple[int, ...]
    start: int
    parent: int
    users: int

    @property
    def end(self) -> int:
        """Position after the last token."""
        return self.start + len(self.ids)

    @property
    def shared(self) -> bool:
        """Whether more than one prompt passes through it; nothing continues one that is not."""
        return self.users > 1


@dataclass(frozen=True, slots=True)
class Prefixes:
    """A forest of prompts.

    Attributes:
        stretches: parents before children.
        paths: for each prompt, the stretches that make it up, in order.
    """

    stretches: Sequence[Stretch]
    paths: Sequence[tuple[int, ...]]


def find_prefixes(prompts: Sequence[tuple[int, ...]]) -> Prefixes:
    """Merge prompts on their common prefixes.

    Args:
        prompts: token ids, at least one each; they may be equal.
    """
    if not prompts:
        return Prefixes((), ())
    forest = merge([_rendered(prompt) for prompt in dict.fromkeys(prompts)])
    parts = [tuple(forest.ids[part.start : part.end].tolist()) for part in forest.segments]
    paths = _paths(forest.segments)
    ends = {tuple(itertools.chain(*(parts[at] for at in path))): path for path in paths}
    taken = [ends[prompt] for prompt in prompts]
    users = np.bincount([at for path in taken for at in path], minlength=len(parts)).tolist()
    stretches = [
        Stretch(ids, int(forest.positions[segment.start]), segment.parent, count)
        for ids, segment, count in zip(parts, forest.segments, users, strict=True)
    ]
    return Prefixes(stretches, taken)


def _rendered(prompt: tuple[int, ...]) -> Rendered:
    """A prompt in the form that is merged; nothing of it is trained."""
    ids = np.array(prompt, dtype=np.int32)
    return Rendered(ids, np.zeros(len(ids), dtype=np.float32), stop_trained=False)


def _paths(segments: Sequence[Segment]) -> list[tuple[int, ...]]:
    """For each segment, the indices from its root to itself."""
    found: list[tuple[int, ...]] = []
    for index, segment in enumerate(segments):
        above = found[segment.parent] if segment.parent >= 0 else ()
        found.append((*above, index))
    return found
