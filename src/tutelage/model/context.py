"""How many tokens a model was made to read, and where their positions begin.

Beyond its context a model with learned positions fails, and one with rotary positions goes on and
gets worse without a word. So training and decoding hold to it.
"""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel

from tutelage.model.attention.prefix import prefixes_of


def context_length(model: PreTrainedModel) -> int | None:
    """Most tokens of one sequence, or None if the configuration does not say."""
    config = model.config.get_text_config()
    length: int | None = getattr(config, "max_position_embeddings", None)
    if length is None:
        return None
    # A prefix counts as read: a decoder's positions begin behind it.
    return length - first_position(model) - prefix_tokens(model)


def prefix_tokens(model: PreTrainedModel) -> int:
    """Positions that a trained prefix takes; none where the text does not stand behind it."""
    if not follows_prefix(model):
        return 0
    return max((prefix.tokens for prefix in prefixes_of(model).values()), default=0)


def follows_prefix(model: PreTrainedModel) -> bool:
    """Whether a text's positions begin behind a prefix: in decoder-only models, as PEFT has it."""
    return not model.config.is_encoder_decoder and model.can_generate()


def first_position(model: PreTrainedModel) -> int:
    """The position of a sequence's first token: 0, but RoBERTa and its kin count from behind the
    one that they keep for padding, and say so in their table of positions.
    """
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            return 0 if module.padding_idx is None else module.padding_idx + 1
    return 0
