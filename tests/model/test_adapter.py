"""Bottleneck adapters: where they go, what they compute, and their files elsewhere."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tutelage.errors import UserError
from tutelage.model.methods import load_adapter, methods, places
from tutelage.model.methods.adapter import adapted_blocks
from tutelage.model.methods.places import find_places
from tutelage.model.options import AdapterOptions, ModelOptions

IDS = torch.arange(2, 14)[None]
PLACEMENTS = ("parallel", "pfeiffer", "houlsby")
adapter = methods.get("adapter")


def options(**settings: object) -> ModelOptions:
    return ModelOptions(method="adapter", adapter=AdapterOptions(width=6, **settings))


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    """With adapters that do something."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in adapter.trainable_parameters(model).values():
            parameter.normal_(std=0.3)
    return model


@torch.no_grad()
def logits(model: torch.nn.Module) -> torch.Tensor:
    return model(input_ids=IDS).logits


@pytest.fixture
def plain(tiny_model):
    return lambda kind="llama", **changes: tiny_model(kind, attn_implementation="eager", **changes)


@pytest.mark.parametrize(
    ("kind", "places"),
    [
        ("llama", ("model.layers.1.self_attn.o_proj", "model.layers.1.mlp", "model.layers.1.mlp")),
        ("gpt2", ("transformer.h.1.attn.c_proj", "transformer.h.1.mlp", "transformer.h.1.mlp")),
        ("phi", ("model.layers.1.self_attn.dense", "model.layers.1.mlp", "model.layers.1.mlp")),
        (
            "falcon_h1",
            (
                "model.layers.1.self_attn.o_proj",
                "model.layers.1.feed_forward.down_proj",
                "model.layers.1.feed_forward.up_proj",
            ),
        ),
    ],
)
def test_blocks_are_found_whatever_they_are_called(plain, kind: str, places: tuple) -> None:
    found = find_places(plain(kind))[1]
    assert (*found.attention, found.feed_forward, found.reader) == places


def test_experts_are_refused(plain) -> None:
    with pytest.raises(UserError, match=r"model.layers.0 is a stack of experts"):
        adapter.prepare(plain("mixtral"), options(), seed=0)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_only_adapters_are_trained_and_each_gets_a_gradient(plain, placement: str) -> None:
    model = plain()
    adapter.prepare(model, options(placement=placement), seed=0)
    trained = adapter.trainable_parameters(model)
    assert len(trained) == 4 * len(adapted_blocks(model)) == (16 if placement == "houlsby" else 8)
    assert all(".adapter." in name for name in trained)
    shaken(model)(input_ids=IDS).logits.square().sum().backward()
    moved = {name for name, value in model.named_parameters() if value.grad is not None}
    assert moved == trained.keys()


@pytest.mark.parametrize("kind", ["llama", "gpt2", "falcon_h1"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_the_plain_loader_gives_the_same(plain, kind: str, placement: str, tmp_path: Path) -> None:
    model = plain(kind)
    wanted = options(placement=placement, scale=2.5, activation="gelu")
    adapter.prepare(model, wanted, seed=0)
    adapter.save(shaken(model), tmp_path)
    elsewhere = load_adapter.attach(plain(kind), tmp_path)
    assert not torch.equal(logits(model), logits(plain(kind)))
    torch.testing.assert_close(logits(elsewhere), logits(model), rtol=1e-5, atol=1e-5)
    assert (tmp_path / "load_adapter.py").read_text() == Path(load_adapter.__file__).read_text()


def test_the_plain_loader_says_which_base_it_needs(plain, tmp_path: Path) -> None:
    model = plain("llama")
    adapter.prepare(model, options(), seed=0)
    adapter.save(model, tmp_path)
    with pytest.raises(ValueError, match="was tuned on tiny-llama"):
        load_adapter.attach(plain("gpt2"), tmp_path)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_what_the_plain_loader_refuses_stays_as_it_was(
    plain, placement: str, tmp_path: Path
) -> None:
    model = plain("llama")
    adapter.prepare(model, options(placement=placement), seed=0)
    adapter.save(shaken(model), tmp_path)
    shorter = plain("llama")
    shorter.model.layers = shorter.model.layers[:-1]
    before = logits(shorter)
    with pytest.raises(ValueError, match="was tuned on tiny-llama"):
        load_adapter.attach(shorter, tmp_path)  # its first layers are as the adapter wants them
    assert torch.equal(logits(shorter), before)
    whole = load_file(tmp_path / "adapter_model.safetensors")
    torn = dict(list(whole.items())[:-1])
    save_file(torn, tmp_path / "adapter_model.safetensors")
    (lost,) = whole.keys() - torn.keys()
    untouched = plain("llama")
    before = logits(untouched)
    with pytest.raises(ValueError, match=f"holds no weights {lost}"):
        load_adapter.attach(untouched, tmp_path)
    assert torch.equal(logits(untouched), before)
    save_file(whole, tmp_path / "adapter_model.safetensors")
    once = load_adapter.attach(plain("llama"), tmp_path)
    before = logits(once)
    with pytest.raises(ValueError, match="has an adapter already"):
        load_adapter.attach(once, tmp_path)
    assert torch.equal(logits(once), before)


@pytest.mark.parametrize("loaded", ["ours", "plain"])
def test_a_reader_that_is_passed_by_is_an_error_and_no_other_answer(
    plain, loaded: str, tmp_path: Path
) -> None:
    model = plain("falcon_h1")  # its adapters read what `up_proj` is given
    adapter.prepare(model, options(), seed=0)
    adapter.save(shaken(model), tmp_path)
    if loaded == "plain":
        model = load_adapter.attach(plain("falcon_h1"), tmp_path)
    block = model.model.layers[0].feed_forward
    block.forward = lambda x: block.down_proj(x[..., :1].expand(*x.shape[:-1], 48))
    with pytest.raises(RuntimeError, match="before"):
        logits(model)


@pytest.mark.parametrize("raised", [True, False])
def test_a_model_that_is_refused_stays_as_it_was(
    plain, monkeypatch: pytest.MonkeyPatch, raised: bool
) -> None:
    def nowhere(_module: torch.nn.Module, _inputs: object, output: object) -> object:
        if raised:
            raise UserError("it cannot be moved")
        return output

    monkeypatch.setattr(places, "_moved", nowhere)
    model = plain().train()
    with pytest.raises(UserError, match="moved" if raised else "is not the end of a block"):
        find_places(model)
    assert model.training and model.config._attn_implementation == "eager"
    assert not any(module._forward_hooks for module in model.modules())


def test_the_loader_needs_torch_and_safetensors_alone_and_is_short() -> None:
    source = Path(load_adapter.__file__).read_text()
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {name.name.partition(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add(str(node.module).partition(".")[0])
    assert names == {"__future__", "json", "pathlib", "typing", "torch", "safetensors"}
    assert len(source.splitlines()) < 100


def test_disabled_or_taken_off_is_the_base(plain, tmp_path: Path) -> None:
    model = plain("falcon_h1")
    base = logits(model)
    adapter.prepare(model, options(), seed=0)
    tuned = logits(shaken(model))
    adapter.save(model, tmp_path)
    with adapter.disabled(model), adapter.disabled(model):
        assert torch.equal(logits(model), base)
    assert torch.equal(logits(model), tuned)
    put_on = adapter.take_off(model)
    assert torch.equal(logits(model), base)
    adapter.load(model, tmp_path)
    assert torch.equal(logits(model), tuned)
    adapter.take_off(model)
    put_on()
    assert torch.equal(logits(model), tuned)


def test_it_cannot_be_merged_and_says_what_to_do(plain) -> None:
    model = plain()
    adapter.prepare(model, options(), seed=0)
    with pytest.raises(UserError, match=r"cannot be merged[^$]*--to adapter"):
        adapter.merge(model)


def test_foreign_or_broken_files_are_refused(plain, tmp_path: Path) -> None:
    model = plain()
    adapter.prepare(model, options(), seed=0)
    adapter.save(model, tmp_path)
    with pytest.raises(UserError, match=r"of another model.*GPT2LMHeadModel"):
        adapter.load(plain("gpt2"), tmp_path)
    with pytest.raises(UserError, match=r"has shape \[6, 32\], expected \[6, 64\]"):
        adapter.load(plain(hidden_size=64), tmp_path)
    other = plain()
    adapter.prepare(other, options(placement="houlsby"), seed=0)
    with pytest.raises(UserError, match="prepared for houlsby"):
        adapter.load(other, tmp_path)
    with pytest.raises(UserError, match="expected a JSON object with peft_type LORA"):
        methods.get("lora").load(plain(), tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    tensors = load_file(weights)
    save_file(dict(list(tensors.items())[1:]), weights)
    with pytest.raises(UserError, match="not those of the places"):
        adapter.load(plain(), tmp_path)
    config = tmp_path / "adapter_config.json"
    written = json.loads(config.read_text())
    for change, said in [({"version": 2}, "version 1"), ({"width": "wide"}, "missing or wrong")]:
        config.write_text(json.dumps(written | change))
        with pytest.raises(UserError, match=said):
            adapter.load(plain(), tmp_path)
