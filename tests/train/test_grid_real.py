"""The grid on real weights: each method makes a sentence more likely, and reloads exactly."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from forests import examples

from tutelage.model.attention import using
from tutelage.model.families import families
from tutelage.model.fused import fuse
from tutelage.model.loading import load
from tutelage.model.methods import methods
from tutelage.model.options import ModelOptions
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import merge
from tutelage.recipe.recipe import LEARNING_RATES
from tutelage.train.example import Pack
from tutelage.train.objectives import objectives
from tutelage.train.optimizer import Optimizer
from tutelage.train.options import TrainOptions

pytestmark = pytest.mark.slow
FETCHED = Path(os.environ.get("TUTELAGE_TEST_MODELS", "~/.cache/tutelage-test-models")).expanduser()
ASKED, ANSWER = "The cat sat on the mat, and it was warm.", "A cross cat was there."
SMALL = 5
"""How many times the methods' usual rates these small models are tuned at."""


def sequence(family: str, tokenizer, model) -> Rendered:
    """The sentence as the family reads it."""
    asked = np.array(tokenizer(ASKED)["input_ids"], np.int32)
    answer = np.array(tokenizer(ANSWER, add_special_tokens=False)["input_ids"], np.int32)
    if family == "encoder_decoder":
        start = np.array([model.config.decoder_start_token_id], np.int32)
        weights = np.array([0] + [1] * len(answer), np.float32)
        return Rendered(np.concatenate([start, answer]), weights, True, source=asked)
    blanks = np.full(len(answer), tokenizer.mask_token_id, np.int32)
    weights = np.array([0] * len(asked) + [1] * len(answer), np.float32)
    labels = np.concatenate([asked, answer])
    return Rendered(np.concatenate([asked, blanks]), weights, True, labels=labels)


@pytest.mark.parametrize("method", ["full", "lora", "prefix", "adapter"])
@pytest.mark.parametrize("base", ["opus-mt-en-fr", "t5-small-title", "all-minilm-l6-v2-mlm"])
def test_it_learns_and_reloads(base: str, method: str, tmp_path: Path) -> None:
    if not (FETCHED / base).is_dir():
        pytest.skip(f"{FETCHED / base} has not been fetched")
    options = ModelOptions(
        base=str(FETCHED / base), method=method, precision="float32", device="cpu"
    )
    loaded, chosen = load(options), methods.get(method)
    family, model = families.get(loaded.family), loaded.model
    fuse(family, model)
    chosen.prepare(model, options, seed=0)
    trained = sequence(loaded.family, loaded.tokenizer, model)
    forest = merge([trained])
    pack = Pack(forest, tuple(examples([trained])))
    settings = TrainOptions(seed=0)
    objective = objectives.get("supervised")(settings)
    optimizer = Optimizer(chosen.trainable_parameters(model), settings)
    losses = []
    for _ in range(8):
        with using(family.layout(model, forest, "segments")):
            loss = objective.loss(family, model, pack).sum / trained.supervised_tokens
            loss.backward()
        optimizer.step(SMALL * LEARNING_RATES[method] if method != "prefix" else 1e-2)
        losses.append(loss.item())
    print(base, method, losses[0], losses[-1])
    assert losses[-1] < losses[0] - 0.1

    chosen.save(model, tmp_path)
    again = load(options).model
    fuse(family, again)
    chosen.load(again, tmp_path)
    states = []
    for one in (model, again):
        one.train(False)
        with torch.no_grad(), using(family.layout(one, forest, "segments")):
            states.append(family.forest_states(one, forest))
    assert torch.equal(*states)
