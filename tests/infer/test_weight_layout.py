"""Laying weights out changes where numbers lie, and nothing else."""

from __future__ import annotations

import pytest
import torch

import tiny_models
from tutelage.infer.weight_layout import by_columns, laid_out


@pytest.mark.parametrize("inference", [False, True])
def test_values_stay_and_the_layout_is_put_back(inference: bool) -> None:
    model = tiny_models.make_model("llama").train()
    before = {name: value.clone() for name, value in model.named_parameters()}
    layer = model.model.layers[0].mlp.up_proj
    with pytest.raises(KeyboardInterrupt), torch.inference_mode(inference), by_columns(model):
        assert not layer.weight.is_contiguous() and layer.weight.T.is_contiguous()
        assert model.lm_head.weight is model.model.embed_tokens.weight
        assert model.lm_head.weight.is_contiguous()
        for name, value in model.named_parameters():
            assert torch.equal(value, before[name])
        raise KeyboardInterrupt
    for name, value in model.named_parameters():
        assert torch.equal(value, before[name]) and value.is_contiguous()
        assert not value.is_inference()
    layer(torch.ones(2, 32)).sum().backward()
    assert layer.weight.grad is not None


def test_only_what_gains_is_laid_out() -> None:
    model = tiny_models.make_model("llama").bfloat16()
    with by_columns(model):
        assert all(value.is_contiguous() for value in model.parameters())


@pytest.mark.parametrize(
    ("capability", "rows", "by_column"),
    [("AVX512", 64, True), ("AVX512", 1, False), ("AVX2", 64, False), ("DEFAULT", 64, False)],
)
def test_columns_are_for_processors_that_gain(
    monkeypatch: pytest.MonkeyPatch, capability: str, rows: int, by_column: bool
) -> None:
    model = tiny_models.make_model("llama")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    with laid_out(model, rows):
        assert model.model.layers[0].mlp.up_proj.weight.is_contiguous() is not by_column
