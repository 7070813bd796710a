"""How likely a model finds given texts, token by token.

Texts that begin alike, such as one question with each of its answers, have their beginning read
once. As in decoding, everything is computed in pieces of fixed shape, so that no value depends on
the other texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

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
    family: Family, model: PreTrainedModel, sequences: Sequence[Sequence[int]]
) -> list[np.ndarray]:
    """Log-probability of every token of a sequence but its first, given those before it.

    Args:
        family: the model's kind.
        model: the model.
        sequences: token ids, at least two each.

    Returns:
        For each sequence, (tokens - 1,) float32 in nats.
    """
    if not sequences:
        return []
    model.train(False)
    texts = [tuple(sequence) for sequence in sequences]
    prefixes = find_prefixes(texts)
    whole = [
        Ongoing(place, text, path, 0, 0, first_own_block(text, path, prefixes))
        for place, (text, path) in enumerate(zip(texts, prefixes.paths, strict=True))
    ]
    ordered = in_order(whole, len(prefixes.stretches))
    found: dict[int, np.ndarray] = {}  # by stretch
    for wave in waves(ordered, prefixes, TOGETHER, room_for(family, model)):
        cache = Cache(wave.slots, wave.size, wave.shared_blocks)
        reader = PromptReader(family, model, cache, wave, prefixes)
        ends: dict[int, Tensor] = {}  # last hidden states of what was read
        for start in range(0, len(wave.sequences), wave.slots):
            taken = wave.sequences[start : start + wave.slots]
            states = reader.read_states(dict(enumerate(taken)))
            ends |= {at: hidden[-1:].clone() for at, hidden in states.items()}
            found |= _scored(family, model, prefixes, states, ends)
    return [np.concatenate([found[at] for at in path]) for path in prefixes.paths]


def _scored(
    family: Family,
    model: PreTrainedModel,
    prefixes: Prefixes,
    states: Mapping[int, Tensor],
    ends: Mapping[int, Tensor],
) -> dict[int, np.ndarray]:
    """Log-probability of every token of some stretches; the first of a text has none."""
    hidden: list[Tensor] = []
    targets: list[int] = []
    lengths: list[int] = []
    for at, its in states.items():
        stretch = prefixes.stretches[at]
        begins = stretch.parent < 0
        hidden += [its[:-1]] if begins else [ends[stretch.parent], its[:-1]]
        targets += stretch.ids[1:] if begins else stretch.ids
        lengths.append(len(stretch.ids) - begins)
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
