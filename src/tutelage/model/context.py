"""How many tokens a model was made to read.

Beyond its context a model with learned positions fails, and one with rotary positions goes on and
gets worse without a word. So training and decoding hold to it.
"""

from __future__ import annotations

from transformers import PreTrainedModel


def context_length(model: PreTrainedModel) -> int | None:
    """Most tokens of one sequence, or None if the configuration does not say."""
    config = model.config.get_text_config()
    length: int | None = getattr(config, "max_position_embeddings", None)
    return length
