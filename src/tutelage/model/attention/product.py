"""Attention of some of a layer's queries on some of its keys: what layouts are made of.

It is scaled_dot_product_attention, but for models that cap their scores (Gemma 2): those it cannot
compute, so there the definition is written out. Memory for the scores is then needed, but of one
call, which is of one segment, and never of a pack.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import dropout, pad, scaled_dot_product_attention

from tutelage.model.attention.layout import Heads


def attend(
    heads: Heads,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
) -> Tensor:
    """Attend as a layer asks.

    Args:
        heads: what it asks for; scale, cap, dropout and prefix are taken from here.
        query: (n, heads, queries, head size).
        key: (n, key heads, keys, head size).
        value: (n, key heads, keys, head size).
        mask: (queries, keys) or with n and heads before them; added to the scores, or the truth
            about which key is seen.
        causal: each query sees the keys before it and its own, in place of a mask.

    Returns:
        (n, heads, queries, head size).
    """
    if heads.prefix is not None:
        more = heads.prefix[0].shape[2]
        prefix = (one.expand(len(key), -1, -1, -1) for one in heads.prefix)
        key, value = (torch.cat(pair, 2) for pair in zip(prefix, (key, value), strict=True))
        if mask is not None:  # every query sees the prefix
            mask = pad(mask, (more, 0), value=mask.dtype == torch.bool)
        elif causal:  # queries before the text's own keep the product causal, and cost less
            query = pad(query, (0, 0, more, 0))
            return attend(replace(heads, prefix=None), query, key, value, causal=True)[:, :, more:]
    if heads.softcap is not None:
        return _capped(heads, heads.softcap, query, key, value, mask, causal)
    return scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        is_causal=causal,
        scale=heads.scale,
        dropout_p=heads.dropout,
        enable_gqa=query.shape[1] != key.shape[1],
    )


def _capped(
    heads: Heads,
    softcap: float,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    causal: bool,
) -> Tensor:
    scores = _by_key_head(query, key) @ key[:, :, None].transpose(3, 4) * heads.scale
    scores = (softcap * torch.tanh(scores / softcap)).flatten(1, 2)
    if causal:
        mask = torch.ones(scores.shape[2:], dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        hidden = mask.dtype == torch.bool
        scores = scores.masked_fill(~mask, -torch.inf) if hidden else scores + mask
    weights = scores.softmax(3, dtype=torch.promote_types(scores.dtype, torch.float32))
    weights = dropout(weights.to(value.dtype), heads.dropout)
    return (_by_key_head(weights, key) @ value[:, :, None]).flatten(1, 2)


def _by_key_head(rows: Tensor, key: Tensor) -> Tensor:
    """What each query head has, (n, heads, ...), by its key head: (n, key heads, shared, ...)."""
    return rows.reshape(len(rows), key.shape[1], -1, *rows.shape[2:])
