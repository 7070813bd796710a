"""Log-likelihoods are those of a plain forward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

import tiny_models
from tutelage.infer import cache
from tutelage.infer.likelihood import log_likelihoods
from tutelage.model.families import Head, families
from tutelage.model.families.causal import Causal
from tutelage.model.linear_cross_entropy import log_probabilities


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma3_text", "mistral", "cohere", "granite"])
def test_they_equal_the_log_softmax(kind: str) -> None:
    torch.manual_seed(0)
    sequences = [torch.randint(0, 300, (length,)).tolist() for length in (2, 3, 40, 128)]
    found = log_likelihoods(families.get("causal"), tiny_models.make_model(kind), sequences)
    plain = tiny_models.make_model(kind, attn_implementation="eager")
    for values, sequence in zip(found, sequences, strict=True):
        ids = torch.tensor([sequence])
        with torch.no_grad():
            expected = plain(input_ids=ids).logits[0, :-1].log_softmax(dim=1)
        picked = expected.gather(1, ids[0, 1:, None])[:, 0].numpy()
        assert values.dtype == np.float32 and values.shape == (len(sequence) - 1,)
        np.testing.assert_allclose(values, picked, rtol=0, atol=1e-5)


def test_they_do_not_depend_on_the_others() -> None:
    model, family = tiny_models.make_model("llama"), families.get("causal")
    question = list(range(20, 75))
    answers = [[*question, *answer] for answer in ([3, 4], [5], [5, 6, 7], list(range(80, 120)))]
    sequences = [[5, 6, 7, 8], [9, 10], [11] * 60, *answers, question, question[:40], answers[0]]
    together = log_likelihoods(family, model, sequences)
    for values, sequence in zip(together, sequences, strict=True):
        assert np.array_equal(values, log_likelihoods(family, model, [sequence])[0])


def test_they_can_begin_behind_a_prompt() -> None:
    model, family = tiny_models.make_model("llama"), families.get("causal")
    question = list(range(20, 75))
    sequences = [[*question, 3, 4, 5], [*question, 3, 4, 6], question, [*question, 7], [5, 6, 7]]
    starts = [56, 3, 54, 55, 1]
    whole = log_likelihoods(family, model, sequences)
    found = log_likelihoods(family, model, sequences, starts)
    for values, every, start in zip(found, whole, starts, strict=True):
        assert np.array_equal(values, every[start - 1 :])


def test_what_is_not_scored_needs_no_head(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []

    def watched(hidden: Tensor, head: Head, targets: Tensor) -> Tensor:
        rows.append(len(hidden))
        return log_probabilities(hidden, head, targets)

    monkeypatch.setattr("tutelage.infer.likelihood.log_probabilities", watched)
    sequences = [[*range(10, 90), answer, 5] for answer in range(100, 116)]
    log_likelihoods(families.get("causal"), tiny_models.make_model("llama"), sequences, [80] * 16)
    assert rows == [64]  # 16 times 2 tokens, filled up


def test_a_model_in_training_is_read_as_it_is_used() -> None:
    family = families.get("causal")
    model = tiny_models.make_model("gpt2", resid_pdrop=0.5).train()
    first, second = (log_likelihoods(family, model, [[5, 6, 7]])[0] for _ in range(2))
    assert np.array_equal(first, second)


class Watched(Causal):
    """Notes how many tokens are read at a time."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def hidden_states(
        self, model: PreTrainedModel, input_ids: Tensor, position_ids: Tensor, **rest: Any
    ) -> Tensor:
        self.read.append(input_ids.shape[1])
        return super().hidden_states(model, input_ids, position_ids, **rest)


def test_a_question_is_read_once() -> None:
    family, question = Watched(), list(range(10, 90))
    sequences = [[*question, answer, 5, 6] for answer in range(100, 116)]
    found = log_likelihoods(family, tiny_models.make_model("llama"), sequences)
    assert len(found) == 16 and {len(values) for values in found} == {82}
    assert family.read == [1, 128]  # 80 and 16 times 2, after one to learn what a token takes
    assert log_likelihoods(family, tiny_models.make_model("llama"), []) == []


@pytest.mark.parametrize("length", [64, 70])
def test_choices_of_one_token_are_read_with_their_question(length: int) -> None:
    """64 tokens end a block of the cache: no choice has one of its own."""
    model, family, question = (
        tiny_models.make_model("llama"),
        Watched(),
        list(range(10, 10 + length)),
    )
    sequences = [[*question, answer] for answer in range(100, 170)]
    found = log_likelihoods(family, model, sequences)
    assert family.read == [1, 128]
    for values, sequence in zip(found, sequences, strict=True):
        longer = log_likelihoods(family, model, [[*sequence, 3]])[0]
        assert np.array_equal(values, longer[:-1])


def test_a_small_memory_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model, family = tiny_models.make_model("llama"), families.get("causal")
    sequences = [[*range(5, 5 + at), 3, 4] for at in range(0, 100, 7)]
    expected = log_likelihoods(family, model, sequences)
    for blocks in (0, 3, 8):
        monkeypatch.setattr(cache, "CPU_BYTES", blocks * 32 * 2 * 2 * 2 * 8 * 4)
        found = log_likelihoods(family, model, sequences)
        assert all(map(np.array_equal, found, expected))
