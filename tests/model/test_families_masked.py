"""Packed encoders give what each sequence alone gives, or the model is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import tiny_masked
from tutelage.errors import UserError
from tutelage.model.attention import BidirectionalLayout, using
from tutelage.model.context import context_length
from tutelage.model.families import families
from tutelage.model.families.family import stacks
from tutelage.model.families.masked import TRANSFORMS
from tutelage.model.loading import load
from tutelage.model.options import ModelOptions
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import merge

KINDS = list(tiny_masked.SHAPES)


def test_every_known_head_is_tested() -> None:
    assert set(KINDS) == set(TRANSFORMS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_known_architectures_pass_the_probe(kind: str, dtype: torch.dtype) -> None:
    model = tiny_masked.make_model(kind).to(dtype).train()
    families.get("masked").probe(model)
    assert model.training
    assert model.config._attn_implementation == "tutelage"


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_pack_equals_the_models_own_forward_pass(kind: str) -> None:
    family, model = families.get("masked"), tiny_masked.make_model(kind).double()
    lengths = [3, 40, 17]
    texts = [torch.randint(5, 300, (length,)) for length in lengths]
    positions = torch.from_numpy(np.concatenate([np.arange(length) for length in lengths]))
    with using(BidirectionalLayout(lengths)):
        ours = family.logits(
            model, family.hidden_states(model, torch.cat(texts)[None], positions[None])
        )
    own = tiny_masked.make_model(kind, attn_implementation="eager").double()
    theirs = torch.cat([own(input_ids=text[None]).logits[0] for text in texts])
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)  # norms are float32 there


def test_windows_are_looked_through_by_the_probe() -> None:
    model = tiny_masked.make_model("modernbert")
    for module in model.modules():
        if hasattr(module, "sliding_window"):
            module.sliding_window = None
    with pytest.raises(UserError, match="packing changes its logits"):
        # Its eager attention goes by masks, which the configuration makes.
        families.get("masked").probe(model)


def test_a_head_that_does_more_is_refused() -> None:
    model = tiny_masked.make_model("bert")
    model.cls.predictions.decoder = nn.Sequential(model.cls.predictions.decoder)
    with pytest.raises(UserError, match="not one linear layer"):
        families.get("masked").probe(model)
    model = tiny_masked.make_model("roberta")
    model.lm_head.register_forward_hook(lambda _module, _inputs, output: output * 1.001)
    with pytest.raises(UserError, match="RobertaForMaskedLM cannot be tuned here"):
        families.get("masked").probe(model)


def test_roberta_reads_two_tokens_less_than_it_has_positions() -> None:
    assert context_length(tiny_masked.make_model("roberta")) == 128
    assert context_length(tiny_masked.make_model("bert")) == 128


@pytest.mark.parametrize("kind", ["bert", "modernbert"])
def test_the_layers_are_found(kind: str) -> None:
    model = tiny_masked.make_model(kind)
    assert stacks(model) == [model.base_model]


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "modernbert"])
def test_a_folder_is_loaded_as_its_family(tmp_path, kind: str) -> None:
    folder = tiny_masked.save_folder(tmp_path / kind, kind)
    loaded = load(ModelOptions(base=str(folder), device="cpu", precision="float32"))
    assert loaded.family == "masked"
    families.get("masked").probe(loaded.model)


def test_only_segments_are_attended() -> None:
    ids = np.array([2, 9, 4, 3], np.int32)
    weights = np.array([0, 0, 1, 0], np.float32)
    forest = merge([Rendered(ids, weights, stop_trained=True, labels=ids)])
    model, family = tiny_masked.make_model("bert"), families.get("masked")
    for kernel in ("auto", "segments"):
        assert isinstance(family.layout(model, forest, kernel), BidirectionalLayout)
    with pytest.raises(UserError, match="train with segments, not with flex"):
        family.layout(model, forest, "flex")
