"""What a masked language model predicts at places of many texts, read in rows.

As in `decoder`, no computation sees how many texts there are, so no prediction depends on the
others: rows have `ROW` tokens, idle ones at the end, and predictions are made `ROWS` at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.infer.row_filling import filled_rows
from tutelage.model.attention import BidirectionalLayout, using
from tutelage.model.context import context_length
from tutelage.model.families import Family
from tutelage.model.linear_cross_entropy import at_least_float32

ROW = 512
"""Tokens of every row; a longer text has a row of its own length."""
ROWS = 64
"""Predictions made at a time."""


def predictions(
    family: Family,
    model: PreTrainedModel,
    texts: Sequence[np.ndarray],
    places: Sequence[np.ndarray],
    *,
    row: int = ROW,
) -> Iterator[tuple[int, Tensor]]:
    """Read texts and predict places in them; to be called without gradients.

    Args:
        family: the model's kind.
        model: loaded with our attention, in evaluation mode.
        texts: (tokens,) int64 each.
        places: for each text, which of its tokens are to be predicted; at least one.
        row: tokens of a row at least.

    Yields:
        The number of a text, and its places' log-probabilities (places, vocabulary), at least
        float32; in the order of the texts.

    Raises:
        UserError: a text is longer than what the model reads.
    """
    limit = context_length(model)
    for text in texts:
        if limit is not None and len(text) > limit:
            raise UserError(
                f"a prompt has {len(text)} tokens, its places included, and the model reads at "
                f"most {limit}",
                fix=f"shorten it, or set prompt.max_tokens: {limit}",
            )
    for numbers in filled_rows([len(text) for text in texts], row):
        hidden = _read(family, model, [texts[number] for number in numbers], row)
        starts = np.cumsum([0, *(len(texts[number]) for number in numbers)])
        wanted = [places[number] + start for number, start in zip(numbers, starts, strict=False)]
        values = _log_probabilities(family, model, hidden[np.concatenate(wanted)])
        yield from zip(numbers, torch.split(values, [len(part) for part in wanted]), strict=True)


def _read(family: Family, model: PreTrainedModel, texts: Sequence[np.ndarray], row: int) -> Tensor:
    """Hidden states (tokens, width) of texts in a row that is filled up with idle tokens."""
    lengths = [len(text) for text in texts]
    idle = max(0, row - sum(lengths))
    ids = np.concatenate([*texts, np.full(idle, texts[0][0])])
    positions = np.concatenate([*map(np.arange, lengths), np.zeros(idle, dtype=np.int64)])
    layout = BidirectionalLayout([*lengths, idle] if idle else lengths)
    with using(layout):
        return family.hidden_states(
            model,
            torch.from_numpy(ids)[None].to(model.device),
            torch.from_numpy(positions)[None].to(model.device),
        )


def _log_probabilities(family: Family, model: PreTrainedModel, hidden: Tensor) -> Tensor:
    """(n, vocabulary) for hidden states (n, width)."""
    padded = F.pad(hidden, (0, 0, 0, -len(hidden) % ROWS))
    logits = [at_least_float32(family.logits(model, some)) for some in torch.split(padded, ROWS)]
    return torch.cat([part.log_softmax(dim=1) for part in logits])[: len(hidden)]
