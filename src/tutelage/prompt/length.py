"""Cut an over-long sequence to the limit: which positions stay.

The prompt loses its middle, since instructions stand at its beginning (system prompt, task
definition) and at its end (the question, the opening of the answer). A response loses its end.
"""

from __future__ import annotations

from typing import Literal

import numpy as np


def fit(
    weights: np.ndarray, limit: int, policy: Literal["truncate_prompt", "truncate_response"]
) -> np.ndarray | None:
    """Positions to keep, or None if the policy cannot bring the sequence to the limit.

    Args:
        weights: (tokens,) loss weights; the prompt is what precedes the first supervised token.
        limit: most tokens to keep.
        policy: what to cut.

    Returns:
        (kept,) increasing positions with at least one supervised among them, or None.
    """
    prompt = int(np.flatnonzero(weights)[0])
    if policy == "truncate_response":
        return np.arange(limit) if prompt < limit else None
    room = limit - (len(weights) - prompt)  # for the prompt
    if room < 2:
        return None
    return np.concatenate([prompt_ends(prompt, room), np.arange(prompt, len(weights))])


def prompt_ends(length: int, room: int) -> np.ndarray:
    """Positions of a prompt's beginning and end that fit into `room` tokens, its middle cut."""
    head = room // 2
    return np.concatenate([np.arange(head), np.arange(length - (room - head), length)])
