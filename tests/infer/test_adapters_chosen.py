"""Several tunings over one base: each answers as if it were alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_decoder import decode, requests

import tiny_models
from tutelage.errors import UserError
from tutelage.infer.adapters import AdapterBackend, Adapters
from tutelage.infer.decoder import Decoder
from tutelage.infer.options import DecodeOptions
from tutelage.model.families import families
from tutelage.model.fused import fuse
from tutelage.model.methods import methods
from tutelage.model.options import LoraOptions, ModelOptions, PrefixOptions

TUNINGS = {
    "first": ModelOptions(lora=LoraOptions(rank=4)),
    "second": ModelOptions(lora=LoraOptions(rank=2, dora=True, target_modules=["q_proj"])),
    "third": ModelOptions(method="prefix", prefix=PrefixOptions(tokens=5)),
    "fourth": ModelOptions(method="adapter"),
}


def made(name: str, folder: Path):
    """A model tuned in this way, fused as in a run, and what it saves."""
    options, model = TUNINGS[name], tiny_models.make_model("llama")
    fuse(families.get("causal"), model)
    method = methods.get(options.method)
    method.prepare(model, options, seed=0)
    torch.manual_seed(len(name))
    with torch.no_grad():
        for parameter in method.trainable_parameters(model).values():
            parameter.add_(0.1 * torch.randn_like(parameter))
    folder.mkdir()
    method.save(model, folder)
    return model


def test_each_request_is_answered_by_the_tuning_it_names(tmp_path: Path) -> None:
    asked = requests(7)
    alone = {name: decode(made(name, tmp_path / name), asked) for name in TUNINGS}
    base = tiny_models.make_model("llama")
    fuse(families.get("causal"), base)
    alone["base"] = decode(base, asked)
    assert len({str(answers) for answers in alone.values()}) == len(alone)

    model = tiny_models.make_model("llama")
    fuse(families.get("causal"), model)
    lora = methods.get("lora")
    lora.load(model, tmp_path / "first")
    adapters = Adapters(model, "first", lora)
    for name in ("second", "third", "fourth"):
        adapters.load(name, methods.get(TUNINGS[name].method), tmp_path / name)
    assert adapters.names == ["base", *TUNINGS]
    decoder = Decoder(families.get("causal"), model, (1, 7, 9, 40, 41, 42), DecodeOptions())
    backend = AdapterBackend(adapters, lambda _: decoder)
    names = [[*alone][at % len(alone)] for at in range(len(asked))]
    told: list[int] = []
    mixed = [replace(one, adapter=name) for one, name in zip(asked, names, strict=True)]
    answers = backend.run(mixed, lambda place, _: told.append(place))
    assert answers == [alone[name][at] for at, name in enumerate(names)]
    assert sorted(told) == [at for at, answer in enumerate(answers) for _ in answer.ids]
    assert backend.run(asked) == alone["first"]  # what was in place is again


def test_what_cannot_be_loaded_or_chosen(tmp_path: Path) -> None:
    made("first", tmp_path / "first")
    model, lora = tiny_models.make_model("llama"), methods.get("lora")
    lora.load(model, tmp_path / "first")
    adapters = Adapters(model, "tuned", lora)
    with pytest.raises(UserError, match="no tuning 'other'; there are: base, tuned"):
        adapters.choose("other")
    with pytest.raises(UserError, match="trained the weights of the base"):
        adapters.load("whole", methods.get("full"), tmp_path)
    with pytest.raises(UserError, match="two tunings are called 'base'"):
        adapters.load("base", lora, tmp_path)
    with pytest.raises(UserError, match="no adapter_config"):
        adapters.load("broken", lora, tmp_path)
    assert adapters.current == "tuned"
    with pytest.raises(ValueError, match="names the tuning"):
        decode(model, [replace(requests(1)[0], adapter="tuned")])
