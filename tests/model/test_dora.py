"""DoRA held against PEFT's: output, gradients, files, merging; and rates of LoRA+."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor

from tutelage.model.methods import methods
from tutelage.model.options import LoraOptions, ModelOptions
from tutelage.train.optimizer import Optimizer
from tutelage.train.options import TrainOptions

# PEFT asks with an old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

IDS = torch.arange(2, 14)[None]
OPTIONS = ModelOptions(lora=LoraOptions(rank=4, alpha=6, dora=True))
lora = methods.get("lora")


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3)
            if "magnitude" in name:
                parameter.mul_(1.2)
    return model


@torch.no_grad()
def logits(model: torch.nn.Module) -> Tensor:
    return model(input_ids=IDS).logits


@pytest.fixture
def plain(tiny_model):
    return lambda kind="llama": tiny_model(kind, attn_implementation="eager")


@pytest.mark.parametrize("kind", ["llama", "gpt2", "phi"])  # without biases, transposed, with
def test_output_gradients_and_files_are_pefts(plain, kind: str, tmp_path: Path) -> None:
    model = plain(kind)
    base = logits(model)
    lora.prepare(model, OPTIONS, seed=0)
    torch.testing.assert_close(logits(model), base, rtol=1e-4, atol=1e-4)
    lora.save(shaken(model), tmp_path)
    peft = PeftModel.from_pretrained(plain(kind), tmp_path, is_trainable=True)
    torch.testing.assert_close(logits(peft), logits(model), rtol=1e-4, atol=1e-4)
    for one in (model, peft):
        one(input_ids=IDS).logits.square().mean().backward()
    theirs = {name: value.grad for name, value in peft.named_parameters()}
    trained = lora.trainable_parameters(model)
    assert len([name for name in trained if "magnitude" in name]) * 3 == len(trained)
    for name, value in trained.items():
        kind_of = "default.weight"
        gradient = theirs[f"base_model.model.{name}.{kind_of}"]
        torch.testing.assert_close(value.grad, gradient, rtol=1e-3, atol=1e-4)


def test_we_read_pefts_files(plain, tmp_path: Path) -> None:
    config = LoraConfig(r=3, lora_alpha=5, use_dora=True, target_modules="all-linear")
    peft = shaken(get_peft_model(plain(), config)).train(False)
    peft.save_pretrained(tmp_path, save_embedding_layers=False)
    model = plain()
    lora.load(model, tmp_path)
    torch.testing.assert_close(logits(model), logits(peft), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["llama", "phi"])
def test_merged_is_plain_and_equal(plain, kind: str) -> None:
    model = plain(kind)
    names = list(model.state_dict())
    lora.prepare(model, OPTIONS, seed=0)
    tuned = logits(shaken(model))
    lora.merge(model)
    assert list(model.state_dict()) == names
    torch.testing.assert_close(logits(model), tuned, rtol=1e-4, atol=1e-4)


def test_dropout_is_pefts(plain) -> None:
    wanted = LoraOptions(rank=4, alpha=6, dora=True, dropout=0.5)
    model = plain("phi")
    lora.prepare(model, ModelOptions(lora=wanted), seed=0)
    layer = shaken(model).get_submodule("model.layers.0.mlp.fc1").train()
    peft = get_peft_model(
        plain("phi"),
        LoraConfig(r=4, lora_alpha=6, use_dora=True, lora_dropout=0.5, target_modules=["fc1"]),
    )
    theirs = peft.get_submodule("base_model.model.model.layers.0.mlp.fc1").train()
    with torch.no_grad():
        theirs.lora_A["default"].weight.copy_(layer.lora_A)
        theirs.lora_B["default"].weight.copy_(layer.lora_B)
        theirs.lora_magnitude_vector["default"].weight.copy_(layer.magnitude)
    x = torch.randn(5, 32)
    outputs = []
    for one in (layer, theirs):
        torch.manual_seed(7)
        outputs.append(one(x))
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-4)


def test_lora_plus_moves_b_faster(plain) -> None:
    model = plain()
    wanted = LoraOptions(rank=4, learning_rate_ratio=16)
    lora.prepare(model, ModelOptions(lora=wanted), seed=0)
    parameters = lora.trainable_parameters(model)
    before = {name: value.detach().clone() for name, value in parameters.items()}
    factors = lora.learning_rate_factors(model)
    optimizer = Optimizer(parameters, TrainOptions(max_gradient_norm=None), factors)
    for parameter in parameters.values():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step(1e-3)
    for name, value in parameters.items():  # Adam's first step is the rate itself
        moved = (before[name] - value.detach()).mean().item()
        assert moved == pytest.approx(16e-3 if name.endswith("lora_B") else 1e-3, rel=1e-3)
