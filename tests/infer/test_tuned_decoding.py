"""Decoding with prefixes and adapters: the plain text, and the same whatever stands beside it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from test_decoder import decode, requests
from transformers import PreTrainedModel

import tiny_encoder_decoders
import tiny_models
from tutelage.infer.backend import Request
from tutelage.infer.likelihood import log_likelihoods
from tutelage.infer.options import DecodeOptions
from tutelage.infer.writer import Writer
from tutelage.model.attention import using
from tutelage.model.families import families
from tutelage.model.methods import methods
from tutelage.model.methods.structure import Plain
from tutelage.model.options import AdapterOptions, ModelOptions, PrefixOptions
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import merge

OPTIONS = {
    "prefix": ModelOptions(method="prefix", prefix=PrefixOptions(tokens=37)),  # more than a block
    "adapter": ModelOptions(method="adapter", adapter=AdapterOptions(placement="houlsby")),
}


def tuned(
    method: str, kind: str, make: Callable[[str], PreTrainedModel] = tiny_models.make_model
) -> PreTrainedModel:
    """A model whose tuning does something."""
    model = make(kind)
    methods.get(method).prepare(model, OPTIONS[method], seed=0)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in methods.get(method).trainable_parameters(model).values():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@torch.no_grad()
def greedy(model: PreTrainedModel, request: Request) -> list[int]:
    """Each token by a whole pass over everything before it."""
    ids = list(request.ids)
    with using(Plain()):
        while len(ids) < len(request.ids) + request.max_new_tokens:
            ids.append(
                int(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
            )
    return ids[len(request.ids) :]


@pytest.mark.parametrize("method", OPTIONS)
@pytest.mark.parametrize("kind", ["llama", "gpt2", "phi"])
def test_greedy_text_is_that_of_whole_passes(method: str, kind: str) -> None:
    model = tuned(method, kind)
    asked = requests(5)
    answers = decode(model, asked, stops=[])
    assert [list(answer.ids) for answer in answers] == [greedy(model, one) for one in asked]


@pytest.mark.parametrize("method", OPTIONS)
@pytest.mark.parametrize("kind", ["llama", "mistral"])
def test_answers_do_not_depend_on_the_batch(method: str, kind: str) -> None:
    model = tuned(method, kind)
    stem = tuple(range(50, 85))
    asked = [*requests(6), *(Request((*stem, n), 8, n) for n in range(60, 64))]
    together = decode(model, asked)
    assert together == [decode(model, [request])[0] for request in asked]
    family = families.get("causal")
    texts = [request.ids for request in asked if len(request.ids) > 1]
    whole = log_likelihoods(family, model, texts)
    assert all(
        (log_likelihoods(family, model, [t])[0] == w).all()
        for t, w in zip(texts, whole, strict=True)
    )


@torch.no_grad()
def whole_passes(model: PreTrainedModel, source: tuple[int, ...], length: int) -> list[int]:
    """An encoder-decoder's greedy answer, each token by a pass over source and answer."""
    family = families.get("encoder_decoder")
    ids = [int(model.config.decoder_start_token_id)]
    while len(ids) <= length:
        weights = np.zeros(len(ids), np.float32)
        read = Rendered(
            np.array(ids, np.int32), weights, stop_trained=False, source=np.array(source, np.int32)
        )
        forest = merge([read])
        with using(family.layout(model, forest, "segments")):
            states = family.forest_states(model, forest)
        ids.append(int(family.logits(model, states[-1:]).argmax()))
    return ids[1:]


@pytest.mark.parametrize("method", OPTIONS)
@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_encoder_decoders_answer_as_in_training_and_alone_as_together(
    method: str, kind: str
) -> None:
    model = tuned(method, kind, tiny_encoder_decoders.make_model)
    asked = [Request(tuple(range(3, 9 + n)), 6, n) for n in range(4)]
    opening = [int(model.config.decoder_start_token_id)]
    writer = Writer(families.get("encoder_decoder"), model, opening, set(), DecodeOptions())
    answers = writer.run(asked)
    assert [list(answer.ids) for answer in answers] == [
        whole_passes(model, request.ids, 6) for request in asked
    ]
    assert answers == [writer.run([request])[0] for request in asked]
