"""Each method over token trees, held against one sequence after the other in float64.

The reference is transformers' own eager attention with what the method saved put on by other code:
for adapters the loader that lies beside them, for prefixes past keys and values.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from forests import KeepFloat64, forest_loss, gradients, rendered
from transformers import DynamicCache

import tiny_models
from tutelage.model.attention.prefix import Prefix, prefixes_of
from tutelage.model.methods import load_adapter, methods
from tutelage.model.methods.adapter import adapted_blocks
from tutelage.model.options import AdapterOptions, ModelOptions, PrefixOptions
from tutelage.prompt.tree import merge

STEM = list(range(2, 9))
TEXTS = [[*STEM, 20 + n, 30 + n] for n in range(3)] + [list(range(40, 46))]
SEQUENCES = [rendered(ids, [0.0, *[1.0] * (len(ids) - 1)]) for ids in TEXTS]


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    """With tuning that does something."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def one_by_one(model: torch.nn.Module, texts: Sequence[list[int]]) -> torch.Tensor:
    """The summed loss of texts, each alone, with its gradients left in the model."""
    total = torch.zeros((), dtype=torch.float64)
    for ids in texts:
        row = torch.tensor(ids)[None]
        scores = model(input_ids=row, use_cache=False).logits[0, :-1]
        loss = F.cross_entropy(scores, row[0, 1:], reduction="sum")
        loss.backward()
        total += loss.detach()
    return total


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("placement", ["parallel", "pfeiffer", "houlsby"])
def test_adapters(kind: str, placement: str, tmp_path: Path) -> None:
    adapter = methods.get("adapter")
    model = tiny_models.make_model(kind)
    wanted = AdapterOptions(width=6, placement=placement)
    adapter.prepare(model, ModelOptions(method="adapter", adapter=wanted), seed=0)
    shaken(model).double()
    adapter.save(model, tmp_path)
    reference = tiny_models.make_model(kind, attn_implementation="eager").double()
    load_adapter.attach(reference, tmp_path).double()
    with torch.no_grad():  # the file is in float32
        for name, parameter in parameters_of(model):
            theirs_of(reference, name).copy_(parameter)
    with KeepFloat64():
        found = forest_loss(model, [merge(SEQUENCES)])
        ours = gradients(model)
        expected = one_by_one(reference, TEXTS)
    torch.testing.assert_close(found, expected)
    assert len(ours) == 4 * len(adapted_blocks(model))
    for name, gradient in ours.items():
        theirs = theirs_of(reference, name).grad
        torch.testing.assert_close(gradient, theirs, rtol=1e-9, atol=1e-9)


def parameters_of(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, value) for name, value in model.named_parameters() if value.requires_grad]


def theirs_of(reference: torch.nn.Module, name: str) -> torch.nn.Parameter:
    """The loader's name for one of our adapters' parameters."""
    place, _, part = name.partition(".adapter.")
    return reference.get_submodule(place).adapter.get_parameter(part.replace(".", "_"))


def with_prefix(
    model: torch.nn.Module, texts: Sequence[list[int]], layers: Sequence[Prefix]
) -> torch.Tensor:
    """The same, with prefixes as transformers' own past keys and values."""
    total = torch.zeros((), dtype=torch.float64)
    for ids in texts:
        row, cache = torch.tensor(ids)[None], DynamicCache()
        for at, layer in enumerate(layers):
            key, value = layer()
            cache.update(key[None], value[None], at)
        scores = model(input_ids=row, past_key_values=cache).logits[0, :-1]
        loss = F.cross_entropy(scores, row[0, 1:], reduction="sum")
        loss.backward()
        total += loss.detach()
    return total


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma3_text"])
@pytest.mark.parametrize("projection", [None, 6])
def test_prefixes(kind: str, projection: int | None) -> None:
    prefix = methods.get("prefix")
    window = {"sliding_window": 64} if kind == "gemma3_text" else {}
    model = tiny_models.make_model(kind, **window)
    wanted = PrefixOptions(tokens=4, projection=projection)
    prefix.prepare(model, ModelOptions(method="prefix", prefix=wanted), seed=0)
    shaken(model).double()
    reference = tiny_models.make_model(kind, attn_implementation="eager", **window).double()
    reference.requires_grad_(False)
    theirs = {name: copy.deepcopy(layer) for name, layer in prefixes_of(model).items()}
    with KeepFloat64():
        found = forest_loss(model, [merge(SEQUENCES)])
        ours = gradients(model)
        expected = with_prefix(reference, TEXTS, list(theirs.values()))
    torch.testing.assert_close(found, expected)
    assert len(ours) == (2 if projection is None else 4) * len(theirs)
    for name, gradient in ours.items():
        layer, _, part = name.partition(".prefix.")
        theirs_of_it = theirs[layer].get_parameter(part).grad
        torch.testing.assert_close(gradient, theirs_of_it, rtol=1e-9, atol=1e-9)
