"""Real encoders: the probe's equality, and an answer learned and exported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tutelage.data.example import Message
from tutelage.infer.backend import Request
from tutelage.infer.families import inferences
from tutelage.infer.options import DecodeOptions
from tutelage.model.families import families
from tutelage.model.loading import LoadedModel, load
from tutelage.model.options import ModelOptions
from tutelage.prompt.masked_answer import MaskedAnswer
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Renderer

pytestmark = pytest.mark.slow
FETCHED = Path(os.environ.get("TUTELAGE_TEST_MODELS", "~/.cache/tutelage-test-models")).expanduser()
NAMES = ["albert-tiny-chinese-mlm", "all-minilm-l6-v2-mlm"]
"""The second is made by benchmarks/masked_base.py."""


@pytest.fixture(scope="module", params=NAMES)
def loaded(request: pytest.FixtureRequest) -> LoadedModel:
    folder = FETCHED / request.param
    if not folder.is_dir():
        pytest.skip(f"{folder} has not been made")
    return load(ModelOptions(base=str(folder), device="cpu", precision="float32"))


def test_packing_changes_nothing(loaded: LoadedModel) -> None:
    assert loaded.family == "masked"
    families.get("masked").probe(loaded.model)


def test_answers_do_not_depend_on_the_others(loaded: LoadedModel) -> None:
    renderer = Renderer(loaded.tokenizer, PromptOptions(answer_tokens=3), form=MaskedAnswer)
    backend = inferences.get("masked").backend(
        families.get("masked"),
        loaded.model,
        renderer.form,
        renderer.stop_ids,
        DecodeOptions(),
        alone=False,
    )
    texts = [f"Is {at} more than 中文 7? " * (1 + at % 5) for at in range(30)]
    requests = [
        Request(tuple(renderer.prompt_ids([Message("user", text)])), 4, key=at)
        for at, text in enumerate(texts)
    ]
    together = backend.run(requests)
    for at in (0, 11, 29):
        assert backend.run([requests[at]]) == [together[at]]


def test_a_masked_word_is_guessed(loaded: LoadedModel) -> None:
    """That the head is the trained one: the right word beats what is likely anywhere."""
    if "chinese" not in loaded.name:
        pytest.skip("the other's head is ours, trained for minutes")
    tokenizer, model = loaded.tokenizer, loaded.model
    ids = tokenizer.encode("中国的首都是北京。")
    place = ids.index(tokenizer.convert_tokens_to_ids("京"))
    masked = [*ids[:place], tokenizer.mask_token_id, *ids[place + 1 :]]
    model.set_attn_implementation("eager")
    with torch.no_grad():
        values = model(input_ids=torch.tensor([masked])).logits[0, place]
    model.set_attn_implementation("tutelage")
    assert tokenizer.convert_ids_to_tokens(int(values.argmax())) == "京"
