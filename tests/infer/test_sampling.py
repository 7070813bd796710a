"""Samples follow the softmax, its nucleus, and the seed of their request."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.infer import sampling
from tutelage.infer.options import DecodeOptions
from tutelage.infer.sampling import Sampler, best, nucleus

DRAWS = 20_000
LOGITS = torch.tensor([2.0, 0.5, -1.0, 2.0, 1.0, -3.0, 0.0])


def drawn(temperature: float, top_p: float) -> Counter:
    sampler = Sampler(DecodeOptions(temperature=temperature, top_p=top_p, seed=11))
    return Counter(sampler._draw(LOGITS, 5) for _ in range(DRAWS))


def chi_square(found: Counter, expected: np.ndarray) -> float:
    wanted = expected * DRAWS
    return sum((found[token] - n) ** 2 / n for token, n in enumerate(wanted) if n)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_from_the_softmax(temperature: float) -> None:
    expected = (LOGITS.double() / temperature).softmax(dim=0).numpy()
    assert chi_square(drawn(temperature, 1.0), expected) < 22.46  # 6 degrees of freedom, p 0.001


@pytest.mark.parametrize(("top_p", "kept"), [(0.3, 1), (0.6, 2), (0.8, 3), (0.9, 4)])
def test_tokens_are_drawn_from_the_nucleus(top_p: float, kept: int) -> None:
    """Tokens 0 and 3 have 0.34 each, token 4 0.13, token 1 0.08, token 6 0.05 …"""
    found = drawn(1.0, top_p)
    best = np.argsort(-LOGITS.numpy(), kind="stable")[:kept]
    if kept == 1:  # the first two are alike: either will do
        assert len(found) == 1 and set(found) <= {0, 3}
        return
    assert set(found) == set(best.tolist())
    expected = np.zeros(7)
    expected[best] = LOGITS.double().softmax(dim=0).numpy()[best]
    assert chi_square(found, expected / expected.sum()) < 16.27  # 3 degrees of freedom at most


@settings(max_examples=100, deadline=None)
@given(
    size=st.integers(1, 1200),
    top_p=st.floats(0.01, 0.999),
    spread=st.sampled_from([0.0, 0.1, 3.0]),
    seed=st.integers(0, 99),
)
def test_the_nucleus_is_the_smallest_that_reaches_top_p(
    size: int, top_p: float, spread: float, seed: int
) -> None:
    logits = torch.randn(size, generator=torch.Generator().manual_seed(seed)).double() * spread
    probabilities = logits.softmax(dim=0)
    kept, tokens = nucleus(probabilities, top_p)
    assert torch.equal(probabilities[tokens], kept)
    assert len(set(tokens.tolist())) == len(tokens)
    assert kept.sum() >= top_p - 1e-12
    assert kept[:-1].sum() < top_p + 1e-12
    rest = probabilities.sum() - kept.sum()
    assert len(tokens) == size or kept.min() >= rest / (size - len(tokens)) - 1e-12


def test_greedy_takes_the_best() -> None:
    logits = torch.randn(5, 30)
    found = Sampler(DecodeOptions()).choose(logits, [0] * 5)
    assert torch.equal(found, logits.argmax(dim=1))


def test_of_equals_greedy_takes_the_first() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0, 2.0], [3.0, 3.0, 3.0, 3.0]])
    with torch.inference_mode():
        assert best(logits).tolist() == [1, 0]
    assert best(logits.bfloat16().float()).dtype == torch.int64


def test_each_request_has_its_stream() -> None:
    options = DecodeOptions(temperature=1.0, seed=4)
    logits = torch.zeros(2, 1000)
    together = Sampler(options)
    both = torch.stack([together.choose(logits, [8, 9]) for _ in range(5)])
    for column, key in enumerate((8, 9)):
        alone = Sampler(options)
        found = torch.cat([alone.choose(logits[:1], [key]) for _ in range(5)])
        assert torch.equal(found, both[:, column])
    assert not torch.equal(both[:, 0], both[:, 1])
    other = Sampler(options.model_copy(update={"seed": 5}))
    assert other.choose(logits[:1], [8]).item() != both[0, 0]


def test_a_token_without_probability_is_never_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.tensor([-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf])
    for number in (0.0, 0.5, 1.0 - 2**-53):
        monkeypatch.setattr(
            sampling.torch, "rand", lambda *_, n=number, **__: torch.tensor(n, dtype=torch.float64)
        )
        assert Sampler(DecodeOptions(temperature=1.0))._draw(logits, 0) in (1, 3)
        assert Sampler(DecodeOptions(temperature=1.0, top_p=0.9))._draw(logits, 0) in (1, 3)
