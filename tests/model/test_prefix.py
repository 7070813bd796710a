"""Prefix tuning held against PEFT's, and its files both ways."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel, PrefixTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file

import tiny_encoder_decoders
from tutelage.errors import UserError
from tutelage.model.attention import TreeLayout, using
from tutelage.model.attention.flex import FlexTreeLayout
from tutelage.model.attention.prefix import prefixes_of
from tutelage.model.context import context_length
from tutelage.model.families import families
from tutelage.model.fused import fuse, unfuse
from tutelage.model.methods import methods
from tutelage.model.methods.structure import Plain
from tutelage.model.options import ModelOptions, PrefixOptions
from tutelage.prompt.tree import Segment

# PEFT asks with an old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

IDS = torch.arange(2, 14)[None]
KINDS = ("llama", "qwen3", "phi", "mixtral")
prefix = methods.get("prefix")


def options(tokens: int = 5, **settings: object) -> ModelOptions:
    return ModelOptions(method="prefix", prefix=PrefixOptions(tokens=tokens, **settings))


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in prefix.trainable_parameters(model).values():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def ours(model: torch.nn.Module) -> torch.Tensor:
    with using(Plain()):
        return model(input_ids=IDS, use_cache=False).logits


@pytest.fixture
def plain(tiny_model):
    return lambda kind="llama", **changes: tiny_model(kind, attn_implementation="eager", **changes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("projection", [None, 7])
def test_logits_and_gradients_are_pefts_from_our_files(
    tiny_model, plain, kind: str, projection: int | None, tmp_path: Path
) -> None:
    model = tiny_model(kind)
    prefix.prepare(model, options(projection=projection), seed=0)
    prefix.save(shaken(model), tmp_path)
    peft = PeftModel.from_pretrained(plain(kind), tmp_path)
    table = peft.prompt_encoder["default"].embedding.weight.requires_grad_(True)
    theirs, found = peft(input_ids=IDS).logits, ours(model)
    torch.testing.assert_close(found, theirs, rtol=1e-4, atol=1e-5)
    if projection is not None:  # PEFT then trains what it comes to
        return
    for logits in (found, theirs):
        logits.square().mean().backward()
    grads = [
        part.grad.permute(1, 0, 2).flatten(1)
        for layer in prefixes_of(model).values()
        for part in (layer.key, layer.value)
    ]
    torch.testing.assert_close(torch.cat(grads, dim=1), table.grad, rtol=1e-3, atol=1e-6)
    assert all(value.grad is None for value in model.parameters() if not value.requires_grad)


@pytest.mark.parametrize("kind", KINDS)
def test_we_read_pefts_files(tiny_model, plain, kind: str, tmp_path: Path) -> None:
    config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    peft = get_peft_model(plain(kind), config).train(False)
    peft.save_pretrained(tmp_path)
    model = tiny_model(kind)
    prefix.load(model, tmp_path)
    torch.testing.assert_close(ours(model), peft(input_ids=IDS).logits, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_it_starts_as_what_the_model_computes_for_some_tokens(tiny_model) -> None:
    model = tiny_model("llama")
    generator = torch.Generator().manual_seed(7)
    tokens = torch.randint(320, (5,), generator=generator)
    with using(Plain()):
        whole = model(input_ids=torch.cat([tokens[None], IDS], dim=1), use_cache=False).logits
    for projection in (None, 6):
        tuned = tiny_model("llama")
        prefix.prepare(tuned, options(projection=projection), seed=7)
        torch.testing.assert_close(ours(tuned), whole[:, 5:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("projection", [None, 6])
@torch.no_grad()
def test_saved_and_loaded_is_the_same(tiny_model, projection: int | None, tmp_path: Path) -> None:
    model = tiny_model("llama")
    prefix.prepare(model, options(projection=projection), seed=0)
    prefix.save(shaken(model), tmp_path)
    fresh, prepared = tiny_model("llama"), tiny_model("llama")
    prefix.prepare(prepared, options(projection=projection), seed=9)
    for other in (fresh, prepared):
        prefix.load(other, tmp_path)
        assert torch.equal(ours(other), ours(model))
        assert [*prefix.trainable_parameters(other)] == [*prefix.trainable_parameters(model)]


@torch.no_grad()
def test_disabled_or_taken_off_is_the_base(tiny_model, tmp_path: Path) -> None:
    model = tiny_model("llama")
    base, context = ours(model), context_length(model)
    prefix.prepare(model, options(), seed=0)
    tuned = ours(shaken(model))
    assert context_length(model) == context - 5
    prefix.save(model, tmp_path)
    with prefix.disabled(model), prefix.disabled(model):
        assert torch.equal(ours(model), base)
    assert torch.equal(ours(model), tuned)
    put_on = prefix.take_off(model)
    assert torch.equal(ours(model), base)
    assert context_length(model) == context
    put_on()
    assert torch.equal(ours(model), tuned)


@pytest.mark.parametrize("kind", ["llama", "mistral", "gemma2"])  # whole, windows, soft caps
@torch.no_grad()
def test_flex_and_fused_modules_compute_the_same(tiny_model, kind: str) -> None:
    model = tiny_model(kind)
    family = families.get("causal")
    fuse(family, model)
    prefix.prepare(model, options(), seed=0)
    shaken(model)
    segments = [Segment(0, 9, -1), Segment(9, 14, 0), Segment(14, 20, 0), Segment(20, 33, -1)]
    places = [*range(9), *range(9, 14), *range(9, 15), *range(13)]
    ids, positions = torch.arange(40, 73)[None], torch.tensor(places)[None]
    with using(TreeLayout(segments)):
        expected = family.hidden_states(model, ids, positions)
    with using(FlexTreeLayout(segments)):
        found = family.hidden_states(model, ids, positions)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    unfuse(model)
    with using(TreeLayout(segments)):
        found = family.hidden_states(model, ids, positions)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_it_cannot_be_merged_and_windows_are_not_exported(tiny_model, tmp_path: Path) -> None:
    model = tiny_model("mistral")
    prefix.prepare(model, options(), seed=0)
    with pytest.raises(UserError, match=r"cannot be merged[^$]*--to adapter"):
        prefix.merge(model)
    prefix.save(model, tmp_path)
    with pytest.raises(UserError, match="slide out of the model's window of 8"):
        prefix.loaded_elsewhere(tiny_model("mistral"), tmp_path)


def test_what_does_not_fit_is_refused(tiny_model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leaves nothing of the context"):
        prefix.prepare(tiny_model("llama"), options(tokens=128), seed=0)
    model = tiny_model("llama")
    prefix.prepare(model, options(), seed=0)
    prefix.save(model, tmp_path)
    with pytest.raises(UserError, match=r"of another model.*needs 96 columns"):
        prefix.load(tiny_model("llama", num_hidden_layers=3), tmp_path)
    other = tiny_model("llama")
    prefix.prepare(other, options(tokens=3), seed=0)
    with pytest.raises(UserError, match=r"has 5 tokens and projection None.*prepared for 3"):
        prefix.load(other, tmp_path)
    config = tmp_path / "adapter_config.json"
    written = json.loads(config.read_text())
    config.write_text(json.dumps(written | {"num_transformer_submodules": 2}))
    with pytest.raises(UserError, match="reach the decoder's own attention alone"):
        prefix.load(tiny_model("llama"), tmp_path)
    config.write_text(json.dumps(written))
    weights = tmp_path / "adapter_model.safetensors"
    save_file({**load_file(weights), "another": torch.ones(1)}, weights)
    with pytest.raises(UserError, match="expected the tensor 'prompt_embeddings' alone"):
        prefix.load(tiny_model("llama"), tmp_path)
    save_file({"prompt_embeddings": torch.ones(1)}, weights)
    with pytest.raises(UserError, match="not those of a prefix"):
        prefix.load(tiny_model("llama"), tmp_path)


def test_a_broken_projection_is_refused(tiny_model, tmp_path: Path) -> None:
    model = tiny_model("llama")
    prefix.prepare(model, options(projection=4), seed=0)
    prefix.save(model, tmp_path)
    (tmp_path / "prefix_projection.safetensors").write_bytes(b"torn")
    with pytest.raises(UserError, match="cannot be read"):
        prefix.load(tiny_model("llama"), tmp_path)


@pytest.mark.parametrize("layers", [1, 3])
def test_a_prefix_for_more_or_fewer_places_is_refused(layers: int, tmp_path: Path) -> None:
    model = tiny_encoder_decoders.make_model("bart")
    prefix.prepare(model, options(), seed=0)
    prefix.save(model, tmp_path)
    other = tiny_encoder_decoders.make_model("bart", encoder_layers=layers)
    with pytest.raises(UserError, match="the prefix is of another model"):
        prefix.load(other, tmp_path)


def test_a_prefix_without_values_is_refused(tmp_path: Path) -> None:
    model = tiny_encoder_decoders.make_model("bart")
    prefix.prepare(model, options(), seed=0)
    prefix.save(model, tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    tensors = load_file(weights)
    save_file({name: tensors[name] for name in tensors if name.endswith(".key")}, weights)
    with pytest.raises(UserError, match="it has no prefix that fits"):
        prefix.load(tiny_encoder_decoders.make_model("bart"), tmp_path)
