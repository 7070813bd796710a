"""Packing and sharing change nothing: loss and every gradient equal one example at a time."""

from __future__ import annotations

import pytest
import torch
from forests import (
    KeepFloat64,
    families_of_sequences,
    forest_loss,
    gradients,
    reference_loss,
    rendered,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

import tiny_models
from tutelage.model.methods import methods
from tutelage.model.options import LoraOptions, ModelOptions
from tutelage.prompt.renderer import Rendered
from tutelage.train.options import Recomputed
from tutelage.train.packing import micro_batches

KINDS = ["llama", "gpt2", "qwen3", "mistral", "gemma3_text", "phi3", "olmo2", "granite", "cohere"]
LAZY = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_models: dict[tuple[str, str, torch.dtype], tuple[PreTrainedModel, PreTrainedModel]] = {}


def pair(kind: str, method: str, dtype: torch.dtype) -> tuple[PreTrainedModel, PreTrainedModel]:
    """The same tuned model with our attention and with transformers' eager one."""
    key = kind, method, dtype
    if key not in _models:
        models = tuple(
            tiny_models.make_model(kind, attn_implementation=attention).to(dtype).train()
            for attention in ("tutelage", "eager")
        )
        lora = {"lora": LoraOptions(rank=4)} if method == "lora" else {}
        options = ModelOptions(method=method, **lora)
        for model in models:
            methods.get(method).prepare(model, options, seed=1)
            torch.manual_seed(2)
            for name, parameter in model.to(dtype).named_parameters():
                if "lora_B" in name:
                    torch.nn.init.normal_(parameter, std=0.3)
        _models[key] = models
    return _models[key]


def check(
    models: tuple[PreTrainedModel, PreTrainedModel],
    sequences: list[Rendered],
    budget: int,
    min_shared: int,
    tolerance: float,
) -> None:
    ours, reference = models
    packs = micro_batches(sequences, budget, min_shared)
    found, expected = forest_loss(ours, packs), reference_loss(reference, sequences)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    mine, theirs = gradients(ours), gradients(reference)
    assert mine.keys() == theirs.keys()
    for name, gradient in theirs.items():
        scale = max(1.0, float(gradient.abs().max()))
        torch.testing.assert_close(
            mine[name], gradient, rtol=0, atol=tolerance * scale, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("kind", KINDS)
@LAZY
@given(
    sequences=families_of_sequences(),
    budget=st.sampled_from([8, 30, 1000]),
    min_shared=st.sampled_from([1, 3, 8]),
)
def test_forest_equals_one_at_a_time_in_float64(
    kind: str, method: str, sequences: list[Rendered], budget: int, min_shared: int
) -> None:
    models = pair(kind, method, torch.float64)
    with KeepFloat64():
        check(models, sequences, budget, min_shared, 1e-9)


@pytest.mark.parametrize("kind", [*KINDS, "mixtral", "phi", "gemma3"])
def test_forest_equals_one_at_a_time_in_float32(kind: str) -> None:
    models = pair(kind, "full", torch.float32)
    torch.manual_seed(5)
    stem = torch.randint(2, 300, (20,)).tolist()
    tails = [torch.randint(2, 300, (n,)).tolist() for n in (5, 9, 1, 14)]
    sequences = [rendered(stem + tail, [0.0] * 20 + [1.0] * len(tail)) for tail in tails]
    sequences.append(rendered(tails[3], [0.0] + [1.0] * 13))
    check(models, sequences, 1000, 8, 1e-5)


def test_tied_embeddings_get_both_gradients() -> None:
    ours, _ = pair("llama", "full", torch.float64)
    assert ours.lm_head.weight is ours.get_input_embeddings().weight  # as checked above
    assert "lm_head.weight" not in dict(ours.named_parameters())


def test_sequences_without_loss_give_zero_with_a_graph() -> None:
    ours, _ = pair("llama", "full", torch.float32)
    sequences = [rendered([5, 6, 7], [0, 0, 0]), rendered([5, 6, 7, 8], [0, 0, 0, 0])]
    assert forest_loss(ours, micro_batches(sequences, 100)) == 0
    assert all(not gradient.any() for gradient in gradients(ours).values())


def test_the_same_sequence_twice_counts_twice() -> None:
    ours, _ = pair("llama", "full", torch.float64)
    sequence = rendered([5, 6, 7, 8], [0, 0, 1, 1])
    once = forest_loss(ours, micro_batches([sequence], 100))
    twice = forest_loss(ours, micro_batches([sequence, sequence], 100, min_shared=1))
    torch.testing.assert_close(twice, 2 * once)
    gradients(ours)


@pytest.mark.parametrize("mode", ["selective", "full"])
@pytest.mark.parametrize("kind", ["llama", "gemma3_text", "gpt2"])
def test_recomputing_activations_changes_nothing(kind: str, mode: Recomputed) -> None:
    from tutelage.train.recompute import recompute_activations

    ours, _ = pair(kind, "lora", torch.float64)
    again = tiny_models.make_model(kind).to(torch.float64).train()
    options = ModelOptions(lora=LoraOptions(rank=4))
    methods.get("lora").prepare(again, options, seed=1)
    again.to(torch.float64).load_state_dict(ours.state_dict())
    recompute_activations(again, mode)
    torch.manual_seed(7)
    stem = torch.randint(2, 300, (12,)).tolist()
    sequences = [rendered([*stem, n], [0.0] * 12 + [1.0]) for n in range(2, 9)]
    packs = micro_batches(sequences, 1000)
    torch.testing.assert_close(forest_loss(again, packs), forest_loss(ours, packs))
    mine, theirs = gradients(again), gradients(ours)
    for name, gradient in theirs.items():
        torch.testing.assert_close(mine[name], gradient)
