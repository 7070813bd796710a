"""Blocks attended apart and added up are one attention, whoever is attended beside."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tutelage.infer import block_attention
from tutelage.infer.block_attention import Blocks, Piece, are_separate, attend_blocks, products

SEQUENCES, HEADS, QUERIES, SIZE, TOKENS = 5, 2, 3, 16, 32
SHARERS = torch.tensor([0, 2, 3])
SHARED = 2  # blocks
SCALE = 0.3


@pytest.fixture(params=["products", "kernel"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "kernel":
        monkeypatch.setattr(block_attention, "are_separate", lambda *_: False)
    else:
        assert are_separate(QUERIES, SIZE, TOKENS, torch.float32, torch.get_num_threads())
    return str(request.param)


class Made:
    """Sequences that share blocks, have one of their own, and a prefix of another size."""

    def __init__(self) -> None:
        random = torch.Generator().manual_seed(1)

        def made(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=random)

        self.query = made(SEQUENCES, HEADS, QUERIES, SIZE)
        self.prefix = made(2, HEADS, 5, SIZE)
        self.shared = made(2, SHARED, HEADS, TOKENS, SIZE)
        self.own = made(2, SEQUENCES, HEADS, TOKENS, SIZE)
        self.seen = torch.randint(1, TOKENS, (SEQUENCES,), generator=random)

    def groups(self, rows: list[int]) -> list[Blocks]:
        """Of some of the sequences, which take the places in that order."""
        sharers = [at for at, row in enumerate(rows) if row in SHARERS]
        pieces = []
        if sharers:
            keys, values = self.shared.flatten(1, 2)
            pieces.append(Piece(torch.tensor(sharers), keys, values))
        pieces.append(Piece(slice(0, len(rows)), *self.own[:, rows]))
        places = [at for at in sharers for _ in range(SHARED)] + list(range(len(rows)))
        mask = torch.zeros(len(places), TOKENS)
        for at, row in enumerate(rows):
            mask[len(sharers) * SHARED + at, self.seen[row] :] = torch.finfo(mask.dtype).min / 2
        prefix = Blocks([Piece(slice(0, len(rows)), *self.prefix)], torch.arange(len(rows)), None)
        return [prefix, Blocks(pieces, torch.tensor(places), mask[:, None, None])]

    def expected(self, row: int, softcap: float | None) -> Tensor:
        """One softmax over all that a sequence sees, in float64."""
        seen = [self.prefix, self.own[:, row, :, : self.seen[row]]]
        if row in SHARERS:
            seen += list(self.shared.unbind(1))
        keys, values = torch.cat(seen, dim=2).double()
        scores = self.query[row].double() @ keys.transpose(1, 2) * SCALE
        if softcap is not None:
            scores = softcap * torch.tanh(scores / softcap)
        return scores.softmax(dim=2) @ values


@pytest.mark.parametrize("softcap", [None, 2.0])
def test_it_is_one_softmax(way: str, softcap: float | None) -> None:
    made, rows = Made(), list(range(SEQUENCES))
    found = attend_blocks(made.query, made.groups(rows), SCALE, softcap)
    for row in rows:
        torch.testing.assert_close(
            found[row].double(), made.expected(row, softcap), rtol=0, atol=2e-6
        )


def test_it_does_not_depend_on_the_company(way: str) -> None:
    made = Made()
    together = attend_blocks(made.query, made.groups(list(range(SEQUENCES))), SCALE)
    for rows in ([0], [1], [3, 2], [4, 0, 1, 2]):
        found = attend_blocks(made.query[rows], made.groups(rows), SCALE)
        assert torch.equal(found, together[rows])


def test_who_sees_nothing_gets_zeros(way: str) -> None:
    made = Made()
    (_, blocks) = made.groups([1])
    found = attend_blocks(made.query[:3], [blocks], SCALE)
    assert found[0].any() and not found[1:].any()


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 7), (7, 2)])
def test_what_all_share_is_multiplied_as_if_each_had_it(n: int, m: int) -> None:
    left, right = torch.randn(n, m, QUERIES, SIZE), torch.randn(m, TOKENS, SIZE)
    copies = right.expand(n, -1, -1, -1).contiguous()
    turned = products(left, right, turned=True)
    assert torch.equal(turned, products(left, copies, turned=True))
    torch.testing.assert_close(turned, left @ right.transpose(1, 2))
    assert torch.equal(products(turned, right), products(turned, copies))


def test_only_what_is_tried_is_relied_on() -> None:
    assert not are_separate(QUERIES, SIZE, TOKENS, torch.bfloat16, 1)
