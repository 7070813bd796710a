"""Hold sequences to the length limit: which positions stay, and what became of the example.

The prompt loses its middle, since instructions stand at its beginning (system prompt, task
definition) and at its end (the question, the opening of the answer). A response loses its end, and
with it its stop token: a model must not learn to stop where a limit happened to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from tutelage.data.example import Example
from tutelage.data.fates import Fate, Reason
from tutelage.errors import UserError
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.rendered import Rendered, Rendering

Cut = Literal["truncate_prompt", "truncate_response"]
REASONS = {
    "truncate_prompt": Reason.PROMPT_TRUNCATED,
    "truncate_response": Reason.RESPONSE_TRUNCATED,
}


def held_to_limit(
    example: Example,
    sequences: Sequence[Rendered],
    options: PromptOptions,
    *,
    alike: bool = False,
) -> Rendering:
    """Keep, cut or drop an example's sequences as the options say.

    Of an example with a sequence for each turn, `truncate_*` leaves out the turns that cannot be
    brought to the limit, as it leaves out the end of a conversation that is one sequence. Sequences
    that are responses to one prompt may be held `alike`: that prompt stays the same in all of them,
    and they are kept or dropped together.

    Raises:
        UserError: one is too long and `over_long` is `error`.
    """
    limit, policy = options.max_tokens, options.over_long
    longest = max(map(len, sequences))
    if longest <= limit:
        return Rendering(tuple(sequences))
    found = f"{longest} tokens, {longest - limit} over the limit of {limit}"
    if policy == "error":
        raise UserError(
            f"the conversation has {found}",
            where=f"{example.source.file} row {example.source.row}",
            fix="raise prompt.max_tokens, or set prompt.over_long to drop or truncate_*",
        )
    if policy == "drop":
        return Rendering((), Fate.DROPPED, Reason.OVER_LONG, found)
    limits = [limit] * len(sequences)
    if alike and policy == "truncate_prompt":
        responses = [len(one) - _prompt_length(one) for one in sequences]
        limits = [limit - max(responses) + response for response in responses]
    cut = [_cut(one, most, policy) for one, most in zip(sequences, limits, strict=True)]
    fitted = tuple(sequence for sequence in cut if sequence is not None)
    if not fitted or (alike and len(fitted) < len(cut)):
        return Rendering((), Fate.DROPPED, Reason.OVER_LONG, found)
    gone = sum(map(len, sequences)) - sum(map(len, fitted))
    detail = f"{gone} tokens cut (limit {limit})"
    return Rendering(fitted, Fate.TRUNCATED, REASONS[policy], detail)


def _cut(sequence: Rendered, limit: int, policy: Cut) -> Rendered | None:
    if len(sequence) <= limit:
        return sequence
    if len(sequence.labels) and policy == "truncate_response":
        return None  # its answer has few tokens and is behind the prompt that is too long
    source = sequence.source
    if len(source) and policy == "truncate_prompt":
        room = limit - len(sequence.ids)
        return (
            replace(sequence, source=source[prompt_ends(len(source), room)]) if room >= 2 else None
        )
    kept = fit(sequence.weights, limit - len(source), policy)
    if kept is None:
        return None
    ends_turn = not sequence.weights[kept[-1] + 1 :][:1].any()
    return replace(
        sequence,
        ids=sequence.ids[kept],
        weights=sequence.weights[kept],
        labels=sequence.labels[kept] if len(sequence.labels) else sequence.labels,
        stop_trained=sequence.stop_trained and ends_turn,
    )


def _prompt_length(sequence: Rendered) -> int:
    """Tokens of the prompt: the source, or what precedes the first supervised token."""
    return len(sequence.source) or int(sequence.weights.argmax())


def fit(weights: np.ndarray, limit: int, policy: Cut) -> np.ndarray | None:
    """Positions to keep, or None if the policy cannot bring the sequence to the limit.

    Args:
        weights: (tokens,) loss weights; the prompt is what precedes the first supervised token.
        limit: most tokens to keep.
        policy: what to cut.

    Returns:
        (kept,) increasing positions, the last of them supervised, or None.
    """
    supervised = np.flatnonzero(weights)
    prompt = int(supervised[0])
    if policy == "truncate_response":
        within = supervised[supervised < limit]
        return np.arange(within[-1] + 1) if len(within) else None
    room = limit - (len(weights) - prompt)  # for the prompt
    if room < 2:
        return None
    return np.concatenate([prompt_ends(prompt, room), np.arange(prompt, len(weights))])


def prompt_ends(length: int, room: int) -> np.ndarray:
    """Positions of a prompt's beginning and end that fit into `room` tokens, its middle cut."""
    head = room // 2
    return np.concatenate([np.arange(head), np.arange(length - (room - head), length)])
