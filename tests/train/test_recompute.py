"""Recomputed activations change neither loss nor gradients, and are not kept."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
from forests import rendered
from torch import Tensor
from transformers import PreTrainedModel

import tiny_models
from tutelage.errors import UserError
from tutelage.model.attention import TreeLayout, using
from tutelage.model.families import families
from tutelage.model.linear_cross_entropy import cross_entropy_sum
from tutelage.model.methods import methods
from tutelage.model.options import LoraOptions, ModelOptions
from tutelage.prompt.tree import Forest, merge
from tutelage.train.live_bytes import LiveBytes
from tutelage.train.recompute import recompute_activations

CASES = [
    ("llama", "lora", torch.float32),
    ("llama", "full", torch.bfloat16),
    ("gemma3_text", "lora", torch.bfloat16),
    ("gemma3_text", "full", torch.float32),
    ("qwen3", "lora", torch.float32),
    ("gpt2", "lora", torch.float32),
    ("mixtral", "full", torch.float32),
    ("cohere", "lora", torch.bfloat16),
    ("llama", "prefix", torch.float32),
    ("gemma3_text", "prefix", torch.bfloat16),
    ("llama", "adapter", torch.bfloat16),
]


def made_forest(length: int = 24, count: int = 3) -> Forest:
    random = np.random.default_rng(0)
    stem = random.integers(2, 300, length // 2).tolist()
    tails = [random.integers(2, 300, length // 2).tolist() for _ in range(count)]
    weights = [0.0] * (length // 2) + [1.0] * (length // 2)
    return merge([rendered(stem + tail, weights) for tail in tails])


def prepared(kind: str, method: str, dtype: torch.dtype, dropout: float = 0.0) -> PreTrainedModel:
    changes = {"attention_dropout": dropout} if dropout else {}
    model = tiny_models.make_model(kind, **changes).to(dtype)
    options = ModelOptions(method=method)
    if method == "lora":
        options = ModelOptions(lora=LoraOptions(rank=4, dropout=dropout))
    methods.get(method).prepare(model, options, seed=0)
    if method == "lora":
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1)
    return model.train()


def loss_of(model: PreTrainedModel, forest: Forest) -> Tensor:
    family = families.get("causal")
    hidden = family.hidden_states(
        model, torch.from_numpy(forest.ids)[None], torch.from_numpy(forest.positions)[None]
    )
    return cross_entropy_sum(
        hidden[torch.from_numpy(forest.predictors)],
        family.head(model),
        torch.from_numpy(forest.targets),
        torch.from_numpy(forest.weights),
    )


def run(model: PreTrainedModel, forest: Forest) -> tuple[Tensor, dict[str, Tensor], int]:
    """Loss, gradients, and the bytes kept for the backward pass."""
    model.zero_grad(set_to_none=True)
    torch.manual_seed(1)
    gc.collect()
    with using(TreeLayout(forest.segments)):
        with LiveBytes(model.parameters(), [*model.parameters(), *model.buffers()]) as live:
            loss = loss_of(model, forest)
            kept = sum(live.now.values())
        loss.backward()
    gradients = {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return loss.detach(), gradients, kept


@pytest.mark.parametrize(("kind", "method", "dtype"), CASES)
def test_nothing_changes_but_what_is_kept(kind: str, method: str, dtype: torch.dtype) -> None:
    model, forest = prepared(kind, method, dtype), made_forest()
    loss, gradients, kept = run(model, forest)
    for mode in ("selective", "full", "none"):
        recompute_activations(model, mode)
        again, found, less = run(model, forest)
        assert torch.equal(again, loss)
        assert found.keys() == gradients.keys()
        for name, gradient in gradients.items():
            assert torch.equal(found[name], gradient), name
        assert less < kept if mode != "none" else less == kept


@pytest.mark.parametrize("method", ["lora", "full"])
def test_what_was_dropped_is_dropped_again(method: str) -> None:
    model, forest = prepared("llama", method, torch.float32, dropout=0.3), made_forest()
    loss, gradients, _ = run(model, forest)
    for mode in ("selective", "full"):
        recompute_activations(model, mode)
        again, found, _ = run(model, forest)
        assert torch.equal(again, loss)
        for name, gradient in gradients.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-6, atol=1e-7)


def test_selective_keeps_much_less_at_real_proportions() -> None:
    shape = {"hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 4, "head_dim": 24}
    model = tiny_models.make_model("llama", **shape)
    methods.get("lora").prepare(model, ModelOptions(lora=LoraOptions(rank=4)), seed=0)
    model.train()
    forest = made_forest(64)
    _, _, kept = run(model, forest)
    recompute_activations(model, "selective")
    _, _, less = run(model, forest)
    assert less < 0.7 * kept


def test_a_pass_without_gradients_is_left_alone() -> None:
    model, forest = prepared("llama", "lora", torch.float32), made_forest()
    recompute_activations(model, "selective")
    with torch.inference_mode(), using(TreeLayout(forest.segments)):
        loss = loss_of(model, forest)
    assert torch.equal(loss, run(model, forest)[0])


def test_a_failed_pass_leaves_no_trace() -> None:
    model, forest = prepared("llama", "lora", torch.float32), made_forest()
    expected = run(model, forest)[1]
    recompute_activations(model, "selective")
    with pytest.raises(IndexError), using(TreeLayout(forest.segments)):
        families.get("causal").hidden_states(
            model, torch.full((1, len(forest)), 10_000), torch.from_numpy(forest.positions)[None]
        )
    kept = torch.randn(3, requires_grad=True)
    assert (kept * kept).grad_fn is not None
    found = run(model, forest)[1]
    assert all(torch.equal(found[name], gradient) for name, gradient in expected.items())


def test_a_tensor_changed_before_the_backward_pass_is_noticed() -> None:
    model, forest = prepared("llama", "lora", torch.float32), made_forest()
    recompute_activations(model, "selective")
    inputs: list[Tensor] = []
    first = model.model.layers[0].post_attention_layernorm
    hook = first.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    with using(TreeLayout(forest.segments)):
        loss = loss_of(model, forest)
        hook.remove()
        with torch.no_grad():
            inputs[0].add_(1.0)
        with pytest.raises(RuntimeError, match="changed"):
            loss.backward()


def test_a_model_that_cannot_is_refused() -> None:
    model = prepared("llama", "lora", torch.float32)
    model.supports_gradient_checkpointing = False
    with pytest.raises(UserError, match="cannot recompute"):
        recompute_activations(model, "full")
