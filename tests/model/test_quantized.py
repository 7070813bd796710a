"""A four-bit base gives the gradients of its weights in full, and holds a seventh of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import tiny_models
from tutelage.model.attention import TreeLayout, using
from tutelage.model.families import families
from tutelage.model.loading import load
from tutelage.model.methods import methods
from tutelage.model.methods.low_rank import LowRankLinear
from tutelage.model.options import LoraOptions, ModelOptions
from tutelage.model.quantized import QuantizedLinear
from tutelage.prompt.tree import Segment

pytest.importorskip("bitsandbytes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.save_folder(tmp_path_factory.mktemp("base"), hidden_size=64)


def options(folder: Path, **settings: object) -> ModelOptions:
    return ModelOptions.model_validate(
        {"base": str(folder), "precision": "float32", "device": "cpu", "lora": {"rank": 4}}
        | settings
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_computes_with_its_weights_in_full(bias: bool, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    plain = nn.Linear(128, 96, bias).to(dtype)
    layer = QuantizedLinear(plain)
    assert (layer.weight - plain.weight).norm() < 0.1 * plain.weight.norm()
    full = layer.plain()
    x = torch.randn(3, 5, 128, dtype=dtype, requires_grad=True)
    grad = torch.randn(3, 5, 96, dtype=dtype)
    y = layer(x)
    y.backward(grad)
    found, x.grad = x.grad, None
    expected = full(x)
    expected.backward(grad)
    assert torch.equal(y, expected)
    torch.testing.assert_close(found, x.grad)


def test_a_large_layer_holds_half_a_byte_a_weight() -> None:
    layer = QuantizedLinear(nn.Linear(1024, 1024, bias=False))
    held = sum(buffer.numel() * buffer.itemsize for buffer in layer.buffers())
    assert held < 0.53 * 1024 * 1024
    assert not layer.state_dict()


def test_what_is_kept_for_the_backward_pass_is_small() -> None:
    base = QuantizedLinear(nn.Linear(512, 512, bias=False))
    layer = LowRankLinear(base, LoraOptions(rank=4), torch.Generator())
    kept: list[int] = []
    hooks = torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
    )
    with hooks:
        layer(torch.randn(2, 512, requires_grad=True))
    assert max(kept) <= 4 * 512


def test_an_update_beside_it_gets_the_gradients_of_the_full_layer() -> None:
    torch.manual_seed(0)
    base = QuantizedLinear(nn.Linear(64, 64))
    beside, full = (
        LowRankLinear(layer, LoraOptions(rank=4), torch.Generator().manual_seed(1))
        for layer in (base, base.plain())
    )
    for layer in (beside, full):
        nn.init.normal_(layer.lora_B, generator=torch.Generator().manual_seed(2))
        layer(torch.linspace(-1, 1, 3 * 64).view(3, 64)).square().sum().backward()
    torch.testing.assert_close(beside.lora_A.grad, full.lora_A.grad)
    torch.testing.assert_close(beside.lora_B.grad, full.lora_B.grad)
    x = torch.randn(2, 64)
    expected = beside(x)
    torch.testing.assert_close(beside.merged()(x), expected, rtol=1e-4, atol=1e-4)


def test_a_loaded_base_is_quantised_but_for_embeddings_and_head(folder: Path) -> None:
    loaded = load(options(folder, quantization="nf4"))
    model = loaded.model
    kinds = {name.rpartition(".")[2]: type(m) for name, m in model.named_modules()}
    assert kinds["q_proj"] is QuantizedLinear and kinds["down_proj"] is QuantizedLinear
    assert type(model.lm_head) is nn.Linear
    families.get("causal").probe(model)
    settings = options(folder, quantization="nf4")
    methods.get("lora").prepare(model, settings, seed=0)
    assert all("lora" in name for name in methods.get("lora").trainable_parameters(model))
    with using(TreeLayout([Segment(0, 6, -1)])):
        hidden = families.get("causal").hidden_states(
            model, torch.arange(2, 8)[None], torch.arange(6)[None]
        )
    hidden.sum().backward()
    assert model.model.layers[0].mlp.up_proj.lora_B.grad is not None


def test_all_weights_cannot_be_trained_in_four_bits() -> None:
    with pytest.raises(ValueError, match="cannot be trained"):
        ModelOptions(method="full", quantization="nf4")


@pytest.mark.parametrize(
    "settings",
    [
        {"lora": {"rank": 4, "dora": True}},
        {"method": "adapter", "lora": {}},
        {"method": "prefix", "lora": {}, "prefix": {"tokens": 4}},
    ],
    ids=["dora", "adapter", "prefix"],
)
def test_every_method_that_keeps_the_base_tunes_it(folder: Path, settings: dict) -> None:
    wanted = options(folder, quantization="nf4", **settings)
    model, method = load(wanted).model, methods.get(wanted.method)
    layout = TreeLayout([Segment(0, 12, -1)])
    ids = torch.arange(2, 14)[None]
    with torch.no_grad(), using(layout):
        base = model(input_ids=ids, use_cache=False).logits
    method.prepare(model, wanted, seed=0)
    with using(layout):
        model(input_ids=ids, use_cache=False).logits.square().mean().backward()
    trained = method.trainable_parameters(model)
    assert all(parameter.grad is not None for parameter in trained.values())
    with torch.no_grad(), using(layout), method.disabled(model):
        assert torch.equal(model(input_ids=ids, use_cache=False).logits, base)
