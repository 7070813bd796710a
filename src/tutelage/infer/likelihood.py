"""How likely a model finds given texts, token by token.

Texts that begin alike, such as one question with each of its answers, have their beginning read
once; the token that ends one is not read at all, as nothing follows it; and the head is computed
only where a value is wanted. As in decoding, everything is computed in pieces of fixed shape, so
that no value depends on the other texts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.infer.admission import placed
from tutelage.infer.cache import Cache, room_for
from tutelage.infer.prefixes import Prefixes, find_prefixes
from tutelage.infer.reading import PromptReader
from tutelage.infer.waves import Ongoing, first_own_block, in_order, waves
from tutelage.model.families import Family
from tutelage.model.linear_cross_entropy import log_probabilities

ROWS = 64
"""Predictions scored at a time."""
TOGETHER = 32
"""Texts read at a time."""

Scored = int | tuple[int, int]
"""A stretch of what is read, or one and the token that a text ends with behind it."""


class Wanted(NamedTuple):
    """Tokens to score.

    Attributes:
        hidden: last hidden states of the tokens before each, (tokens, width).
        ids: the tokens.
    """

    hidden: Tensor
    ids: tuple[int, ...]


@torch.inference_mode()
def log_likelihoods(
    family: Family,
    model: PreTrainedModel,
    sequences: Sequence[Sequence[int]],
    starts: Sequence[int] | None = None,
) -> list[np.ndarray]:
    """Log-probability of every token of a sequence but its first, given those before it.

    Args:
        family: the model's kind.
        model: the model.
        sequences: token ids, at least two each.
        starts: for each sequence the first token that is scored, from 1 to its last; all but the
            first where None.

    Returns:
        For each sequence, (tokens - start,) float32 in nats.
    """
    if not sequences:
        return []
    model.train(False)
    texts = [tuple(sequence) for sequence in sequences]
    scored = [1] * len(texts) if starts is None else starts
    reads = list(dict.fromkeys(text[:-1] for text in texts))
    prefixes = find_prefixes(reads)
    path_of = dict(zip(reads, prefixes.paths, strict=True))
    paths = [path_of[text[:-1]] for text in texts]
    # Tokens that texts end with, by the stretch before them.
    lasts: dict[int, set[int]] = {}
    for text, path in zip(texts, paths, strict=True):
        lasts.setdefault(path[-1], set()).add(text[-1])
    firsts = _firsts(prefixes, paths, scored)
    whole = [
        Ongoing(place, read, path, 0, 0, first_own_block(read, path, prefixes))
        for place, (read, path) in enumerate(path_of.items())
    ]
    ordered = in_order(whole, len(prefixes.stretches))
    found: dict[Scored, np.ndarray] = {}
    for wave in waves(ordered, prefixes, TOGETHER, room_for(family, model)):
        cache = Cache(wave.sizes, wave.shared_blocks)
        reader = PromptReader(family, model, cache, wave, prefixes)
        ends: dict[int, Tensor] = {}  # last hidden states of what was read
        waiting = deque(wave.sequences)
        while waiting:
            states = reader.read_states(placed(waiting, range(wave.slots), wave.fits))
            ends |= {at: hidden[-1:].clone() for at, hidden in states.items()}
            wanted = _within(prefixes, firsts, states, ends)
            for at in states:
                wanted |= {(at, last): Wanted(ends[at], (last,)) for last in lasts.get(at, ())}
            if wanted:
                found |= _scores(family, model, wanted)
    # Of what is shared, more may be scored than one text wants: its own are the last.
    return [
        np.concatenate([*(found[at] for at in path), found[path[-1], text[-1]]])[
            start - len(text) :
        ]
        for text, path, start in zip(texts, paths, scored, strict=True)
    ]


def _firsts(
    prefixes: Prefixes, paths: Sequence[tuple[int, ...]], starts: Sequence[int]
) -> list[int]:
    """For each stretch, which of its tokens is the first that a text wants scored."""
    wanted = [stretch.end for stretch in prefixes.stretches]
    for path, start in zip(paths, starts, strict=True):
        for at in path:
            wanted[at] = min(wanted[at], max(start, prefixes.stretches[at].start))
    return [
        first - stretch.start for first, stretch in zip(wanted, prefixes.stretches, strict=True)
    ]


def _within(
    prefixes: Prefixes,
    firsts: Sequence[int],
    states: Mapping[int, Tensor],
    ends: Mapping[int, Tensor],
) -> dict[Scored, Wanted]:
    """The tokens of some stretches, each from its first that is wanted on."""
    found: dict[Scored, Wanted] = {}
    for at, its in states.items():
        stretch, first = prefixes.stretches[at], firsts[at]
        before = its[max(first - 1, 0) : -1]
        if first == 0:
            before = torch.cat([ends[stretch.parent], before])
        found[at] = Wanted(before, stretch.ids[first:])
    return found


def _scores(
    family: Family, model: PreTrainedModel, wanted: Mapping[Scored, Wanted]
) -> dict[Scored, np.ndarray]:
    """Log-probabilities of tokens, `ROWS` at a time."""
    targets = [token for one in wanted.values() for token in one.ids]
    short = -len(targets) % ROWS
    rows = F.pad(torch.cat([one.hidden for one in wanted.values()]), (0, 0, 0, short))
    ids = F.pad(torch.tensor(targets, device=model.device), (0, short))
    head = family.head(model)
    scores = [
        log_probabilities(rows[start : start + ROWS], head, ids[start : start + ROWS])
        for start in range(0, len(rows), ROWS)
    ]
    lengths = np.cumsum([len(one.ids) for one in wanted.values()])
    values = np.split(torch.cat(scores).float().cpu().numpy(), lengths)
    return dict(zip(wanted, values, strict=False))  # what is left over is padding
