"""LoRA's layer equals PEFT's, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig
from peft.tuners.lora import Linear as PeftLinear
from torch import nn
from transformers.pytorch_utils import Conv1D

from tutelage.model.methods.low_rank import LowRankLinear
from tutelage.model.options import LoraOptions


@pytest.mark.parametrize("kind", ["linear", "conv1d"])
@pytest.mark.parametrize("stabilised", [True, False])
def test_layer_equals_pefts(kind: str, stabilised: bool) -> None:
    torch.manual_seed(1)
    base = nn.Linear(24, 40) if kind == "linear" else Conv1D(40, 24)
    options = LoraOptions(rank=4, alpha=6, rank_stabilised=stabilised)
    theirs = PeftLinear(
        base,
        "default",
        r=4,
        lora_alpha=6,
        config=LoraConfig(
            r=4, lora_alpha=6, use_rslora=stabilised, fan_in_fan_out=kind == "conv1d"
        ),
        fan_in_fan_out=kind == "conv1d",
    )
    ours = LowRankLinear(base, options, torch.Generator().manual_seed(0))
    nn.init.normal_(ours.lora_B)
    theirs.lora_A["default"].weight.data.copy_(ours.lora_A)
    theirs.lora_B["default"].weight.data.copy_(ours.lora_B)
    x = torch.randn(2, 7, 24)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [layer(given_) for layer, given_ in zip((ours, theirs), inputs, strict=True)]
    for output in outputs:
        output.pow(2).mean().backward()
    pairs = [
        outputs,
        [given_.grad for given_ in inputs],
        [ours.lora_A.grad, theirs.lora_A["default"].weight.grad],
        [ours.lora_B.grad, theirs.lora_B["default"].weight.grad],
    ]
    for mine, other in pairs:
        assert (mine - other).abs().max() <= 1e-6 * other.abs().max()
    with torch.no_grad():
        torch.testing.assert_close(ours.merged()(x), outputs[0], rtol=1e-5, atol=1e-5)


def test_starts_at_the_base_with_pefts_initial_spread() -> None:
    base = nn.Linear(256, 16)
    layer = LowRankLinear(base, LoraOptions(rank=8), torch.Generator().manual_seed(0))
    x = torch.randn(3, 256)
    torch.testing.assert_close(layer(x), base(x))
    # Kaiming's bound for a = sqrt(5) is sqrt(6 / (1 + 5) / inputs).
    bound = 256**-0.5
    assert layer.lora_A.abs().max() <= bound
    assert layer.lora_A.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_dropout_only_in_training_and_only_on_the_update() -> None:
    base = nn.Linear(64, 16)
    layer = LowRankLinear(base, LoraOptions(rank=4, dropout=0.5), torch.Generator())
    x = torch.randn(5, 64)
    torch.testing.assert_close(layer.train()(x), base(x))  # B is zero: the base is untouched
    nn.init.normal_(layer.lora_B)
    torch.manual_seed(0)
    first, second = layer(x), layer(x)
    assert not torch.equal(first, second)
    torch.testing.assert_close(layer.eval()(x), layer.merged()(x), rtol=1e-4, atol=1e-5)


def test_update_is_float32_beside_a_bfloat16_base() -> None:
    base = nn.Linear(8, 8).to(torch.bfloat16)
    layer = LowRankLinear(base, LoraOptions(rank=2), torch.Generator().manual_seed(0))
    y = layer(torch.randn(3, 8, dtype=torch.bfloat16))
    assert y.dtype is torch.bfloat16
    y.float().sum().backward()
    assert layer.lora_B.grad is not None
    assert layer.lora_B.grad.dtype is torch.float32
