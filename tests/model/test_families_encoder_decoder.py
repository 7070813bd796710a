"""A packed pass of an encoder-decoder is the model's own on each example, or it is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import tiny_encoder_decoders
from tutelage.errors import UserError
from tutelage.model.attention import using
from tutelage.model.families import families
from tutelage.model.families.family import stacks
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import merge

KNOWN = ["t5", "flan-t5", "mt5", "bart", "mbart", "marian", "pegasus", "blenderbot", "plbart"]


def answer(source: list[int], ids: list[int]) -> Rendered:
    weights = np.array([0.0] + [1.0] * (len(ids) - 1), dtype=np.float32)
    return Rendered(
        np.array(ids, np.int32), weights, stop_trained=True, source=np.array(source, np.int32)
    )


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_known_architectures_pass_the_probe(kind: str, dtype: torch.dtype) -> None:
    family, model = families.get("encoder_decoder"), tiny_encoder_decoders.make_model(kind)
    model.to(dtype).train()
    family.probe(model)
    assert model.training
    assert model.config._attn_implementation == "tutelage"
    config = {**model.config.to_dict(), "architectures": [type(model).__name__]}
    first = next(name for name in families.names() if families.get(name).builds(config))
    assert first == "encoder_decoder"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("mvp", "one example of a row moves the next"),
        ("m2m_100", "tokens cannot be given places"),
        ("umt5", "tokens cannot be given places"),
    ],
)
def test_what_cannot_be_packed_is_refused(kind: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        families.get("encoder_decoder").probe(tiny_encoder_decoders.make_model(kind))


def test_an_unknown_transform_of_the_logits_is_refused() -> None:
    model = tiny_encoder_decoders.make_model("bart")
    model.lm_head.register_forward_hook(lambda _module, _inputs, output: output * 1.001)
    with pytest.raises(UserError, match="BartForConditionalGeneration cannot be tuned here"):
        families.get("encoder_decoder").probe(model)


def test_no_hook_stays_behind() -> None:
    model = tiny_encoder_decoders.make_model("t5")
    families.get("encoder_decoder").probe(model)
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_each_distinct_source_is_encoded_once() -> None:
    model = tiny_encoder_decoders.make_model("t5")
    family = families.get("encoder_decoder")
    shared, other = list(range(10, 30)), list(range(40, 52))
    sequences = [
        answer(shared, [0, 5, 6, 1]),
        answer(other, [0, 5, 6, 1]),
        answer(shared, [0, 7, 8, 9, 1]),
    ]
    forest = merge(sequences)
    assert forest.sources.lengths() == [20, 12]
    assert len(forest) == 32 + 13
    assert forest.logical_tokens == sum(map(len, sequences)) == 52 + 13
    read: list[int] = []
    stacks(model)[0].embed_tokens.register_forward_hook(
        lambda _module, inputs, _output: read.append(inputs[0].shape[1])
    )
    with torch.no_grad(), using(family.layout(model, forest, "segments")):
        family.forest_states(model, forest)
    assert read == [32]


def test_a_decoder_without_a_start_is_refused() -> None:
    model = tiny_encoder_decoders.make_model("mbart")
    model.config.decoder_start_token_id = None
    model.generation_config.decoder_start_token_id = None
    with pytest.raises(UserError, match="does not say which token its decoder starts with"):
        families.get("encoder_decoder").form(model)
