"""Packed by source, encoder-decoders give the loss and gradients of one example at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from forests import KeepFloat64, examples, gradients
from torch import Tensor
from transformers import PreTrainedModel

import tiny_encoder_decoders
from tutelage.model.attention import using
from tutelage.model.families import families
from tutelage.model.families.family import set_attention
from tutelage.model.methods import methods
from tutelage.model.options import LoraOptions, ModelOptions
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import merge
from tutelage.train.example import Pack
from tutelage.train.objectives import objectives
from tutelage.train.options import TrainOptions
from tutelage.train.packing import micro_batches, pack_groups
from tutelage.train.predictions import forest_log_probabilities, sequence_sums
from tutelage.train.recompute import recompute_activations

KINDS = ["t5", "flan-t5", "bart", "marian"]


def sequences() -> list[Rendered]:
    """Answers to a few sources, some of which begin alike, with weights anywhere."""
    random = np.random.default_rng(0)
    sources = [random.integers(2, 300, length) for length in (17, 40, 5, 5)]
    stem = random.integers(2, 300, 9)
    found = []
    for source in [sources[0], *sources, sources[0], sources[1]]:
        tail = random.integers(2, 300, random.integers(1, 12))
        ids = np.concatenate([[0], stem[: random.integers(10)], tail])
        weights = random.choice([0.0, 1.0, 0.5], len(ids), p=[0.3, 0.6, 0.1])
        weights[0], weights[-1] = 0, 1
        found.append(
            Rendered(
                ids.astype(np.int32),
                weights.astype(np.float32),
                stop_trained=True,
                source=source.astype(np.int32),
            )
        )
    return found


def packed_loss(model: PreTrainedModel, rendered: Sequence[Rendered], budget: int) -> Tensor:
    family = families.get("encoder_decoder")
    objective = objectives.get("supervised")(TrainOptions())
    total = torch.zeros((), dtype=model.dtype)
    whole = examples(rendered)
    for forest, places in pack_groups([one.sequences for one in whole], budget):
        with using(family.layout(model, forest, "segments")):
            pack = Pack(forest, tuple(whole[at] for at in places))
            loss = objective.loss(family, model, pack).sum
            loss.backward()
        total += loss.detach()
    return total


def reference_loss(model: PreTrainedModel, rendered: Sequence[Rendered]) -> Tensor:
    """transformers' own eager forward pass on one example after the other."""
    total = torch.zeros((), dtype=model.dtype)
    for one in rendered:
        loss = _loss_of_one(model, one)
        loss.backward()
        total += loss.detach()
    return total


def prepared(kind: str, method: str, dtype: torch.dtype = torch.float64) -> PreTrainedModel:
    model = tiny_encoder_decoders.make_model(kind).to(dtype)
    options = ModelOptions(method=method)
    if method == "lora":
        options = ModelOptions(lora=LoraOptions(rank=4))
    methods.get(method).prepare(model, options, seed=0)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn_like(parameter, dtype=dtype) * 0.1
    return model.train()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("method", "budget"), [("full", 2048), ("lora", 64)])
def test_loss_and_gradients_are_those_of_one_at_a_time(kind: str, method: str, budget: int) -> None:
    model, rendered = prepared(kind, method), sequences()
    with KeepFloat64():
        ours = packed_loss(model, rendered, budget)
        found = gradients(model)
        expected = reference_loss(model, rendered)
        wanted = gradients(model)
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-6, atol=1e-8, msg=name)
    if method == "lora":  # encoder, decoder and the attention between them
        adapted = {name.rpartition(".lora_")[0] for name in found}
        assert any("encoder." in name and "decoder." not in name for name in adapted)
        assert any("EncDecAttention" in name or "encoder_attn" in name for name in adapted)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["selective", "full"])
def test_recomputed_activations_change_nothing(kind: str, mode: str) -> None:
    model, rendered = prepared(kind, "lora", torch.float32), sequences()
    expected = packed_loss(model, rendered, 2048)
    wanted = gradients(model)
    recompute_activations(model, mode)
    ours = packed_loss(model, rendered, 2048)
    found = gradients(model)
    torch.testing.assert_close(ours, expected, rtol=0, atol=0)
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-7, msg=name)


def test_several_answers_share_one_encoding() -> None:
    rendered = sequences()
    forests = micro_batches(rendered, 2048)
    assert sum(len(forest.sources.ids) for forest in forests) == 17 + 40 + 5 + 5
    assert sum(forest.logical_tokens for forest in forests) == sum(map(len, rendered))
    assert all(len(forest) <= 64 for forest in micro_batches(rendered, 64))


@pytest.mark.parametrize("kind", KINDS)
def test_the_models_own_pass_is_as_it_was_after_training(kind: str) -> None:
    model, rendered = prepared(kind, "lora", torch.float32), sequences()
    model.train(False)
    set_attention(model, "eager")
    ids = torch.tensor([[5, 6, 7, 1]])
    with torch.no_grad():
        before = model(input_ids=ids, decoder_input_ids=ids).logits
        set_attention(model, "tutelage")
        with torch.enable_grad():
            packed_loss(model, rendered, 2048)
        set_attention(model, "eager")
        after = model(input_ids=ids, decoder_input_ids=ids).logits
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_what_preferences_compare_is_the_sum_of_each_answer() -> None:
    model, rendered = prepared("t5", "lora"), sequences()
    family = families.get("encoder_decoder")
    forest = merge(rendered)
    with torch.no_grad(), KeepFloat64(), using(family.layout(model, forest, "segments")):
        values = forest_log_probabilities(family, model, forest)
        found = sequence_sums(values, forest, len(rendered))
        expected = torch.stack([-_loss_of_one(model, one) for one in rendered])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def _loss_of_one(model: PreTrainedModel, one: Rendered) -> Tensor:
    set_attention(model, "eager")
    source, ids = (torch.from_numpy(row.astype(np.int64))[None] for row in (one.source, one.ids))
    logits = model(input_ids=source, decoder_input_ids=ids, use_cache=False).logits[0]
    set_attention(model, "tutelage")
    losses = F.cross_entropy(logits[:-1], ids[0, 1:], reduction="none")
    return (losses * torch.from_numpy(one.weights[1:])).sum()
