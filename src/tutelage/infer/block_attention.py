"""Attention of a few queries over separate blocks of keys, put together afterwards.

A block gives its values, weighed by the exponentials of their scores below the sequence's highest,
and the sum of these weights; added up, these are one softmax over all (as in flash decoding, Dao et
al. 2023). No block's part may depend on which others are computed beside it.

On a CPU a block is two products of a batch, whose every matrix came out the same to the bit in any
company of two or more (the library computes a single one in another way, so it gets company). That
is no promise of the library: it is tried before it is relied on, for every shape, and where it does
not hold, blocks go through the kernel behind scaled_dot_product_attention, which takes them one by
one. A step of 64 sequences of 600 tokens (30 layers, 3 key heads of 64, 3 queries to each) takes
193 ms by products, 583 by that kernel (benchmarks/RESULTS.md, "a step's attention").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

ALIGNED = 8
"""The kernel's queries are filled up to a multiple of this. Threads then find their scratch memory
equally aligned; otherwise the last bit was measured to change with the thread."""
TRIED = (2, 3, 5, 16, 33)
"""How many matrices are multiplied together when products are tried."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Keys and values of blocks, and who sees them.

    Attributes:
        rows: places of these sequences, n of them.
        key: (n, key heads, tokens, head size), a block of each; or (blocks * key heads, tokens,
            head size), blocks that all of them see.
        value: the same of the value size.
    """

    rows: slice | Tensor
    key: Tensor
    value: Tensor

    def shape(self, key_heads: int) -> tuple[int, int]:
        """How many sequences, and how many blocks each of them sees."""
        if self.key.ndim == 4:
            return len(self.key), 1
        rows = self.rows
        n = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        return n, len(self.key) // key_heads


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of one size, each as a sequence sees it: N of them.

    Attributes:
        pieces: what they are of, in the order of positions; one that has several blocks stands for
            those of its first sequence, then those of the next.
        places: (N,), whose they are.
        mask: (N, 1, 1, tokens), added to the scores; finite, and so low where a token is not seen
            that nothing of it is left.
    """

    pieces: Sequence[Piece]
    places: Tensor
    mask: Tensor | None


def attend_blocks(
    query: Tensor, groups: Sequence[Blocks], scale: float, softcap: float | None = None
) -> Tensor:
    """Attend all blocks that sequences see.

    Args:
        query: (sequences, key heads, queries, head size).
        groups: blocks by their size. One is added after the other, with one operation for the
            product and one for the sum: a block that does not count then changes nothing at all,
            wherever it stands.
        scale: factor on the dot products.
        softcap: c in c * tanh(scores / c), or None.

    Returns:
        (sequences, key heads, queries, value size).
    """
    if any(_takes_kernel(query, group.pieces, softcap) for group in groups):
        return _by_kernel(query, groups, scale)
    pieces = [list(_spans(group, query.shape[1])) for group in groups]
    scores = [_scores(query, group, scale, softcap) for group in groups]
    highest = _lowest(query)
    for spans, its in zip(pieces, scores, strict=True):
        its_highest = its.amax(dim=3)
        for piece, span, shape in spans:
            for block in its_highest[span].view(*shape, *highest.shape[1:]).unbind(1):
                highest[piece.rows] = torch.maximum(highest[piece.rows], block)
    total = torch.zeros_like(highest)
    result = highest.new_zeros(*highest.shape, groups[0].pieces[0].value.shape[-1])
    for group, spans, its in zip(groups, pieces, scores, strict=True):
        weights = its.sub_(highest[group.places][..., None]).exp_()
        sums = weights.sum(dim=3)
        weights = weights.to(query.dtype)
        for piece, span, (n, count) in spans:
            each = weights[span].view(n, -1, *weights.shape[2:])
            values = products(each, piece.value).view(n, count, *result.shape[1:])
            its_sums = sums[span].view(n, count, *total.shape[1:])
            for at in range(count):
                result[piece.rows] += values[:, at]
                total[piece.rows] += its_sums[:, at]
    # The highest score's weight is 1, so that less is nobody's; who sees nothing gets zeros.
    return (result / total.clamp_(min=1)[..., None]).to(query.dtype)


def _lowest(query: Tensor) -> Tensor:
    """A score below all others for every query, at least in float32."""
    precise = torch.promote_types(query.dtype, torch.float32)
    return query.new_full(query.shape[:3], torch.finfo(precise).min, dtype=precise)


def _scores(query: Tensor, group: Blocks, scale: float, softcap: float | None) -> Tensor:
    """(N, key heads, queries, tokens), at least float32."""
    precise = torch.promote_types(query.dtype, torch.float32)
    _, heads, queries, _ = query.shape
    found = []
    for piece in group.pieces:
        _, count = piece.shape(heads)
        asked = query[piece.rows] if count == 1 else query[piece.rows].repeat(1, count, 1, 1)
        one = products(asked, piece.key, turned=True)
        found.append(one.view(-1, heads, queries, one.shape[3]))
    scores = torch.cat(found).to(precise).mul_(scale)
    if softcap is not None:
        scores = scores.div_(softcap).tanh_().mul_(softcap)
    return scores if group.mask is None else scores.add_(group.mask)


def _spans(group: Blocks, key_heads: int) -> Iterator[tuple[Piece, slice, tuple[int, int]]]:
    """Where each piece lies among the N blocks, and how many sequences by how many blocks it is."""
    start = 0
    for piece in group.pieces:
        n, blocks = piece.shape(key_heads)
        yield piece, slice(start, start + n * blocks), (n, blocks)
        start += n * blocks


def products(left: Tensor, right: Tensor, *, turned: bool = False) -> Tensor:
    """Matrix products that do not depend on each other's company.

    Args:
        left: (n, m, rows, size).
        right: (n, m, size, columns), or (m, size, columns) the same for all n, which are read where
            they lie.
        turned: whether `right` is (..., columns, size), whose products are other ones to the bit.

    Returns:
        (n, m, rows, columns).
    """
    n, m, rows, _ = left.shape
    matrices = right if right.ndim == 3 else right.flatten(0, 1)
    if turned:
        matrices = matrices.transpose(1, 2)
    if right.ndim == 4:
        return _batch(left.flatten(0, 1), matrices).view(n, m, rows, -1)
    if right.device.type != "cpu":  # a call for each of n would be n launches
        return left @ matrices
    if n <= m:
        return torch.stack([_batch(one, matrices) for one in left])
    shared = (one.expand(n, -1, -1) for one in matrices)
    return torch.stack([_batch(left[:, at], one) for at, one in enumerate(shared)], dim=1)


def _batch(left: Tensor, right: Tensor) -> Tensor:
    """A product of (n, rows, size) and (n, size, columns); a single matrix is put beside itself."""
    if len(left) > 1:
        return torch.bmm(left, right)
    return torch.bmm(left.expand(2, -1, -1), right.expand(2, -1, -1))[:1]


def _takes_kernel(query: Tensor, pieces: Sequence[Piece], softcap: float | None) -> bool:
    """Whether blocks go through the kernel, which knows neither other sizes nor a softcap."""
    key, value = pieces[0].key, pieces[0].value
    if query.device.type != "cpu" or key.shape[-1] != value.shape[-1] or softcap is not None:
        return False
    shape = query.shape[2], query.shape[3], key.shape[-2]
    return not are_separate(*shape, query.dtype, torch.get_num_threads())


@lru_cache(maxsize=64)
def are_separate(queries: int, size: int, tokens: int, dtype: torch.dtype, threads: int) -> bool:
    """Whether this machine multiplies matrices the same way in any company, as far as tried.

    Args:
        queries: rows of a block's queries.
        size: of a head.
        tokens: of a block.
        dtype: of all; only float32 and float64 are tried, as others gain nothing.
        threads: that PyTorch computes with now.
    """
    if dtype not in (torch.float32, torch.float64):
        return False
    random = torch.Generator().manual_seed(threads)
    count = max(TRIED)
    query, key = (
        torch.randn(count, 1, rows, size, generator=random, dtype=dtype)
        for rows in (queries, tokens)
    )
    scores = products(query, key, turned=True)
    values = products(scores, key)
    same = [
        torch.equal(products(query[some], key[some], turned=True), scores[some])
        and torch.equal(products(scores[some], key[some]), values[some])
        for some in (slice(at, at + few) for few in (1, *TRIED) for at in {0, count - few})
    ]
    # What many share is the same as what each has for its own.
    copies = key[:1].expand_as(key).contiguous()
    same.append(
        torch.equal(products(query, key[0], turned=True), products(query, copies, turned=True))
    )
    same.append(torch.equal(products(scores, key[0]), products(scores, copies)))
    return all(same)


def _by_kernel(query: Tensor, groups: Sequence[Blocks], scale: float) -> Tensor:
    """The same by the kernel behind scaled_dot_product_attention on a CPU.

    It gives a block's attended values, and the logarithm of its scores' exponentials' sum; by this
    sum blocks are weighed.
    """
    n, heads, queries, size = query.shape
    padded = query.new_zeros(n, heads, -(-queries // ALIGNED) * ALIGNED, size)
    padded[:, :, :queries] = query
    highest = _lowest(query)
    found = []
    for group in groups:
        mask = query.new_zeros(len(group.places), 1, 1, 1) if group.mask is None else group.mask
        for piece, span, shape in _spans(group, heads):
            for at, its_mask in enumerate(mask[span].view(*shape, 1, 1, -1).unbind(1)):
                key, value = (_block(one, at, heads) for one in (piece.key, piece.value))
                asked = padded[piece.rows]
                values, sums = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
                    asked,
                    key.expand(len(asked), -1, -1, -1),
                    value.expand(len(asked), -1, -1, -1),
                    0.0,
                    False,
                    attn_mask=its_mask.expand(-1, heads, -1, key.shape[2]),
                    scale=scale,
                )
                values, sums = values[:, :, :queries], sums[:, :, :queries]
                highest[piece.rows] = torch.maximum(highest[piece.rows], sums)
                found.append((piece.rows, values, sums))
    total = torch.zeros_like(highest)
    result = highest.new_zeros(*highest.shape, found[0][1].shape[3])
    for rows, values, sums in found:
        weights = (sums - highest[rows]).exp_()
        total[rows] += weights
        result[rows] += values * weights[..., None]
    return (result / total.clamp_(min=1)[..., None]).to(query.dtype)


def _block(keys: Tensor, at: int, heads: int) -> Tensor:
    """One block of a piece: (n, key heads, tokens, size), or (1, ...) what all see."""
    return keys if keys.ndim == 4 else keys[None, at * heads : (at + 1) * heads]
