"""The arithmetic that a training step of ours needs, as matrix products.

Counted from the model's shapes and the tokens computed, not from what the code happens to do: one
forward pass, the gradient of each activation that leads to something trained, the gradient of each
trained matrix; attention over the pairs of tokens that see each other; the head only where there
is loss. Nothing recomputed counts, nor does anything that is not a matrix product (norms, rotary
positions, softmax, AdamW). A test holds the count equal to PyTorch's own counter over a step of
transformers' model and PEFT's layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np


class Product(NamedTuple):
    """A matrix product, (rows, inner) by (inner, columns), in a batch of alike.

    The transposed sides say how the operands lie in memory, which decides how fast it can be.
    Sizes are means over packs, so they need not be whole.
    """

    batch: int
    rows: float
    inner: float
    columns: float
    left_transposed: bool = False
    right_transposed: bool = False

    @property
    def flops(self) -> float:
        """Multiplications and additions."""
        return 2.0 * self.batch * self.rows * self.inner * self.columns


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder in Llama's form, and what of it is trained.

    Attributes:
        layers: how many.
        width: of the hidden states.
        heads: of the queries.
        key_heads: of the keys and values.
        head_size: of one of them.
        feed_forward: width between the gated feed-forward's matrices.
        vocabulary: rows of the output head.
        rank: of LoRA on every linear layer but the head; None if every weight is trained.
    """

    layers: int
    width: int
    heads: int
    key_heads: int
    head_size: int
    feed_forward: int
    vocabulary: int
    rank: int | None

    @classmethod
    def of(cls, config: Any, rank: int | None) -> Shape:
        """From transformers' configuration of a Llama-like model."""
        return cls(
            layers=config.num_hidden_layers,
            width=config.hidden_size,
            heads=config.num_attention_heads,
            key_heads=config.num_key_value_heads,
            head_size=config.head_dim,
            feed_forward=config.intermediate_size,
            vocabulary=config.vocab_size,
            rank=rank,
        )

    def linears(self) -> list[tuple[int, int]]:
        """(in, out) of a layer's linear layers, those that read the layer's input first."""
        queries, keys = self.heads * self.head_size, self.key_heads * self.head_size
        return [
            (self.width, queries),
            (self.width, keys),
            (self.width, keys),
            (queries, self.width),
            (self.width, self.feed_forward),
            (self.width, self.feed_forward),
            (self.feed_forward, self.width),
        ]


FROM_INPUT = 3
"""How many of a layer's linear layers read its input: query, key and value."""


@dataclass(frozen=True)
class Computed:
    """What was computed in some packs of token trees.

    Attributes:
        packs: forward passes.
        tokens: tokens in them, each shared one once.
        segments: stretches in which each token follows the one before.
        pairs: of a token and one that it sees, itself included.
        targets: predictions that carry loss.
    """

    packs: int = 0
    tokens: int = 0
    segments: int = 0
    pairs: int = 0
    targets: int = 0

    def with_pack(self, positions: np.ndarray) -> Computed:
        """With another forward pass.

        Args:
            positions: (tokens,), each token's distance from the beginning of its path: it sees
                as many others.
        """
        return replace(
            self,
            packs=self.packs + 1,
            tokens=self.tokens + len(positions),
            segments=self.segments + 1 + int((np.diff(positions) != 1).sum()),
            pairs=self.pairs + int((positions + 1).sum()),
        )


def products(shape: Shape, computed: Computed) -> Iterator[tuple[Product, int]]:
    """The matrix products of training on some packs, and how often each is needed.

    Packs are taken as equal, of mean size: exact in sum, since the arithmetic is proportional to
    tokens, targets and pairs.
    """
    packs = computed.packs
    tokens, targets = computed.tokens / packs, computed.targets / packs
    for layer in range(shape.layers):
        for at, (wide_in, wide_out) in enumerate(shape.linears()):
            # With LoRA nothing below the first layer is trained.
            wanted = shape.rank is None or layer > 0 or at >= FROM_INPUT
            for product in _linear(tokens, wide_in, wide_out, shape.rank, input_gradient=wanted):
                yield product, packs
        for product in _attention(shape, computed):
            yield product, computed.segments
    yield from ((product, packs) for product in _head(shape, targets))


def _linear(
    tokens: float, wide_in: int, wide_out: int, rank: int | None, *, input_gradient: bool
) -> Iterator[Product]:
    yield Product(1, tokens, wide_in, wide_out, right_transposed=True)
    if input_gradient:
        yield Product(1, tokens, wide_out, wide_in)
    if rank is None:
        yield Product(1, wide_out, tokens, wide_in, left_transposed=True)
        return
    yield Product(1, tokens, wide_in, rank, right_transposed=True)
    yield Product(1, tokens, rank, wide_out, right_transposed=True)
    yield Product(1, tokens, wide_out, rank)  # the gradient of the narrow activations
    yield Product(1, rank, tokens, wide_in, left_transposed=True)
    yield Product(1, rank, tokens, wide_out, left_transposed=True)
    if input_gradient:
        yield Product(1, tokens, rank, wide_in)


def _attention(shape: Shape, computed: Computed) -> Iterator[Product]:
    """Of the mean segment: as many keys as its tokens see on average."""
    queries, keys = computed.tokens / computed.segments, computed.pairs / computed.tokens
    heads, size = shape.heads, shape.head_size
    scores = Product(heads, queries, size, keys, right_transposed=True)
    yield from (scores, scores)  # forwards, and as the gradient of the weights
    weighted = Product(heads, queries, keys, size)
    yield from (weighted, weighted)  # forwards, and as the gradient of the queries
    gathered = Product(heads, keys, queries, size, left_transposed=True)
    yield from (gathered, gathered)  # the gradients of keys and values


def _head(shape: Shape, targets: float) -> Iterator[Product]:
    yield Product(1, targets, shape.width, shape.vocabulary, right_transposed=True)
    yield Product(1, targets, shape.vocabulary, shape.width)
    if shape.rank is None:
        yield Product(1, shape.vocabulary, targets, shape.width, left_transposed=True)
