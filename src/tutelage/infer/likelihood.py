"""How likely a model finds given texts, token by token.

Texts that begin alike, such as one question with each of its answers, have their beginning read
once, and the head is computed only where a value is wanted. As in decoding, everything is computed
in pieces of fixed shape, so that no value depends on the other texts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

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
    prefixes = find_prefixes(texts)
    firsts = _firsts(prefixes, scored)
    whole = [
        Ongoing(place, text, path, 0, 0, first_own_block(text, path, prefixes))
        for place, (text, path) in enumerate(zip(texts, prefixes.paths, strict=True))
    ]
    ordered = in_order(whole, len(prefixes.stretches))
    found: dict[int, np.ndarray] = {}  # by stretch
    for wave in waves(ordered, prefixes, TOGETHER, room_for(family, model)):
        cache = Cache(wave.sizes, wave.shared_blocks)
        reader = PromptReader(family, model, cache, wave, prefixes)
        ends: dict[int, Tensor] = {}  # last hidden states of what was read
        waiting = deque(wave.sequences)
        while waiting:
            states = reader.read_states(placed(waiting, range(wave.slots), wave.fits))
            ends |= {at: hidden[-1:].clone() for at, hidden in states.items()}
            found |= _scored(family, model, prefixes, firsts, states, ends)
    # Of what is shared, more may be scored than one text wants: its own are the last.
    return [
        np.concatenate([found[at] for at in path])[start - len(text) :]
        for text, path, start in zip(texts, prefixes.paths, scored, strict=True)
    ]


def _firsts(prefixes: Prefixes, starts: Sequence[int]) -> list[int]:
    """For each stretch, which of its tokens is the first that a text wants scored."""
    wanted = [stretch.end for stretch in prefixes.stretches]
    for path, start in zip(prefixes.paths, starts, strict=True):
        for at in path:
            wanted[at] = min(wanted[at], max(start, prefixes.stretches[at].start))
    return [
        first - stretch.start for first, stretch in zip(wanted, prefixes.stretches, strict=True)
    ]


def _scored(
    family: Family,
    model: PreTrainedModel,
    prefixes: Prefixes,
    firsts: Sequence[int],
    states: Mapping[int, Tensor],
    ends: Mapping[int, Tensor],
) -> dict[int, np.ndarray]:
    """Log-probability of some stretches' tokens, each from its first that is wanted on."""
    hidden: list[Tensor] = []
    targets: list[int] = []
    lengths: list[int] = []
    for at, its in states.items():
        stretch, first = prefixes.stretches[at], firsts[at]
        targets += stretch.ids[first:]
        lengths.append(len(stretch.ids) - first)
        if first == 0:
            hidden.append(ends[stretch.parent])
        hidden.append(its[max(first - 1, 0) : -1])
    if not targets:
        return {at: np.zeros(0, dtype=np.float32) for at in states}
    short = -len(targets) % ROWS
    rows = F.pad(torch.cat(hidden), (0, 0, 0, short))
    wanted = F.pad(torch.tensor(targets, device=model.device), (0, short))
    head = family.head(model)
    scores = [
        log_probabilities(rows[start : start + ROWS], head, wanted[start : start + ROWS])
        for start in range(0, len(rows), ROWS)
    ]
    values = np.split(torch.cat(scores).float().cpu().numpy(), np.cumsum(lengths))
    return dict(zip(states, values, strict=False))  # what is left over is padding
