"""The whole room on real models: probe, tune a little, export, prove."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tutelage.model.attention import TreeLayout, using
from tutelage.model.export import export
from tutelage.model.families import families
from tutelage.model.loading import LoadedModel, load
from tutelage.model.methods import methods
from tutelage.model.options import EMBEDDED, LoraOptions, ModelOptions
from tutelage.prompt.tree import Segment
from tutelage.recipe.recipe import LEARNING_RATES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
]
FETCHED = Path(os.environ.get("TUTELAGE_TEST_MODELS", "~/.cache/tutelage-test-models")).expanduser()
TEXTS = ("Translate into French: the cat sat on the mat.", "One day, a little girl named Lily")


def options(base: str, **changes: object) -> ModelOptions:
    if base != EMBEDDED:
        folder = FETCHED / base
        if not folder.is_dir():
            pytest.skip(f"{folder} has not been fetched")
        base = str(folder)
    return ModelOptions(base=base, device="cpu", **changes)


@pytest.mark.parametrize("base", [EMBEDDED, "gemma3-270m-base", "stories15m-base"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_they_can_be_packed(base: str, precision: str) -> None:
    loaded = load(options(base, precision=precision))
    families.get(loaded.family).probe(loaded.model)


@pytest.mark.parametrize(
    "way", ["lora merged", "lora adapter", "full merged", "prefix adapter", "adapter adapter"]
)
@pytest.mark.parametrize("base", [EMBEDDED, "stories15m-base"])
def test_tuned_and_exported(base: str, way: str, tmp_path: Path) -> None:
    method, form = way.split()
    lora = {"lora": LoraOptions(rank=8)} if method == "lora" else {}
    wanted = options(base, precision="float32", method=method, **lora)
    loaded = load(wanted)
    tune(loaded, wanted)
    stops = [loaded.tokenizer.eos_token_id]
    parity = export(
        loaded.model,
        loaded.tokenizer,
        tmp_path / "out",
        method=method,
        form=form,
        base_folder=loaded.folder,
        template="{{ messages[0].content }}",
        stop_token_ids=stops,
        prompts=[loaded.tokenizer.encode(text) for text in TEXTS],
        family=families.get("causal"),
    )
    print(base, way, parity)
    assert parity.logit_difference < 2e-5


def tune(loaded: LoadedModel, wanted: ModelOptions) -> None:
    """A few steps on one sentence, which must become more likely."""
    method, family = methods.get(wanted.method), families.get(loaded.family)
    method.prepare(loaded.model, wanted, seed=0)
    ids = torch.tensor([loaded.tokenizer.encode("The mat sat on the cat, and the cat was cross.")])
    positions = torch.arange(ids.shape[1])[None]
    trained = method.trainable_parameters(loaded.model).values()
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATES[wanted.method])
    losses = []
    for _ in range(8):
        with using(TreeLayout([Segment(0, ids.shape[1], -1)])):
            hidden = family.hidden_states(loaded.model, ids, positions)
            logits = family.logits(loaded.model, hidden[:-1])
            loss = torch.nn.functional.cross_entropy(logits, ids[0, 1:])
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.3
