"""Decoding by a real model: transformers' text, and independent of the batch."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import torch

from tutelage.infer.backend import Answer, Request
from tutelage.infer.decoder import Decoder
from tutelage.infer.options import DecodeOptions
from tutelage.model.families import families
from tutelage.model.loading import LoadedModel, load
from tutelage.model.options import ModelOptions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
FETCHED = Path(os.environ.get("TUTELAGE_TEST_MODELS", "~/.cache/tutelage-test-models")).expanduser()
TEXTS = (
    "Name three primary colours.",
    "Translate into French: the cat sat on the mat.",
    "What is the capital of Norway, and what is it known for?",
    "Write one sentence about the sea.",
    "Sort these numbers: 7, 3, 9, 1.",
    "Is the sentence positive or negative? I never want to see this film again.",
)


def loaded(name: str) -> LoadedModel:
    folder = FETCHED / name
    if not folder.is_dir():
        pytest.skip(f"{folder} has not been fetched")
    return load(ModelOptions(base=str(folder), device="cpu", precision="float32"))


def asked(model: LoadedModel, count: int, new: int) -> list[Request]:
    """Prompts of different lengths, some of them repeating themselves for long."""
    found = []
    for at in range(count):
        ids = model.tokenizer.encode(f"{at}. {TEXTS[at % len(TEXTS)]} ")
        found.append(Request(tuple(ids * (1 + at * at // 4)), new, key=at))
    return found


def decode(model: LoadedModel, requests: list[Request], **options: object) -> list[Answer]:
    stops = [model.tokenizer.eos_token_id]
    family = families.get(model.family)
    return Decoder(family, model.model, stops, DecodeOptions(**options)).run(requests)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_answers_do_not_depend_on_the_batch(temperature: float) -> None:
    model = loaded("smollm2-135m-instruct")
    requests = asked(model, 14, 6)
    assert len(requests[-1].ids) > 600
    options = {"temperature": temperature, "top_p": 0.9}
    alone = decode(model, requests, batch_size=1, **options)
    for size in (2, 7, 32, 64):
        order = random.Random(size).sample(range(14), 14)
        found = decode(model, [requests[at] for at in order], batch_size=size, **options)
        assert found == [alone[at] for at in order]


@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "gemma3-270m-base", "stories15m-base"])
def test_greedy_text_is_that_of_generate(name: str) -> None:
    model = loaded(name)
    requests = asked(model, 6, 24)
    ours = [list(answer.ids) for answer in decode(model, requests)]
    model.model.set_attn_implementation("sdpa")
    for request, ids in zip(requests, ours, strict=True):
        prompt = torch.tensor([request.ids])
        output = model.model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=24,
            do_sample=False,
            eos_token_id=model.tokenizer.eos_token_id,
            pad_token_id=0,
        )
        assert ids == output[0, len(request.ids) :].tolist()
