"""Full fine-tuning of a part of the weights."""

from __future__ import annotations

import pytest

from tutelage.errors import UserError
from tutelage.model.methods import methods
from tutelage.model.options import FullOptions, ModelOptions

full = methods.get("full")


def trained(model, **settings: object) -> set[str]:
    full.prepare(model, ModelOptions(method="full", full=FullOptions(**settings)), seed=0)
    return set(full.trainable_parameters(model))


def test_the_last_layers_or_named_modules_alone(tiny_model) -> None:
    last = trained(tiny_model("llama"), last_layers=1)
    assert last and all(name.startswith("model.layers.1.") for name in last)
    norms = trained(tiny_model("llama"), target_modules=["input_layernorm", "model.norm"])
    assert norms == {
        "model.layers.0.input_layernorm.weight",
        "model.layers.1.input_layernorm.weight",
        "model.norm.weight",
    }
    everything = trained(tiny_model("llama"))
    assert everything == {name for name, _ in tiny_model("llama").named_parameters()}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"target_modules": ["input_layrnorm"]}, "did you mean input_layernorm"),
        ({"target_modules": ["act_fn"]}, "no weights to train"),
        ({"last_layers": 3}, "has 2 layers, not 3"),
    ],
)
def test_what_matches_nothing_is_refused(tiny_model, settings: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        trained(tiny_model("llama"), **settings)
